"""The commands, one file each; `napari_sti.cli.command` says what such a file holds."""
