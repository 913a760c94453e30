"""What the workbench knows and does, apart from how it looks: the study, the runs, the layers."""
