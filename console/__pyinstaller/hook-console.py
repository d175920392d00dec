"""All of warroom is collected: its data files, its metadata, and the adapters, which are imported by name."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

from console.__pyinstaller import DISTRIBUTION, PACKAGES, adapter_distributions, adapter_modules

datas = [file for package in PACKAGES for file in collect_data_files(package)]
datas += [file for name in (DISTRIBUTION, *adapter_distributions()) for file in copy_metadata(name)]
hiddenimports = [
    name
    for package in PACKAGES
    for name in collect_submodules(package, filter=lambda name: not name.startswith("console.__pyinstaller"))
]
hiddenimports += adapter_modules()
hiddenimports += collect_submodules("textual.widgets")  # Textual imports a widget's module when its name is first used
