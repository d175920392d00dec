"""The recorded events.

`kinds` has the events themselves (pydantic), `evidence` the plain values that a decision carries. Importing this
package imports nothing.
"""
