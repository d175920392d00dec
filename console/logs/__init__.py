"""The log for people who debug: what each record carries (`context`), its JSON line (`line`), the file (`file`)."""
