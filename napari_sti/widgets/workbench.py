"""The workbench: the dock widget of the plugin.

Names of its controls (``objectName``), for tests and scripts
    The way in: ``sti_open_sample``, ``sti_open_sample_oblique``, ``sti_welcome_open``, ``sti_welcome_add``,
    ``sti_drop_area``.
    Data: ``sti_study_name``, ``sti_orientations`` (table), ``sti_add``, ``sti_remove``, ``sti_b0_text``,
    ``sti_b0_affine``, ``sti_unit``, ``sti_te``, ``sti_tesla``, ``sti_mask``, ``sti_data_more``, ``sti_b0_frame``,
    ``sti_wm_mask``, ``sti_csf_mask``, ``sti_missing_0`` ..., ``sti_data_problem``, ``sti_new_study``,
    ``sti_open_study``, ``sti_save_study``, ``sti_show_images``.
    Prepare: ``sti_prepare_blocked``, ``sti_wm_mask_show``, ``sti_wm_mask_choose``, ``sti_wm_mask_draw`` (becomes Take
    drawing), ``sti_wm_mask_drop``, the same with ``csf_mask``, ``sti_mask_note_0`` ..., ``sti_mask_source``,
    ``sti_mask_contrast``, ``sti_mask_which``, ``sti_estimate_masks``, ``sti_masks_result``, ``sti_masks_failure``.
    Reconstruct: ``sti_blocked``, ``sti_mend``, ``sti_method``, ``sti_formula``, ``sti_param_NAME``, ``sti_more``,
    ``sti_weights``, ``sti_weights_about``, ``sti_device``, ``sti_estimate``, ``sti_too_much``, ``sti_remark_0`` ...,
    ``sti_run`` (becomes Cancel),
    ``sti_result``, ``sti_failure``, ``sti_show_command``, ``sti_command``, ``sti_copy_command``.
    View: ``sti_view_run``, ``sti_map_pev_colour``, ``sti_map_msa``, ``sti_map_mms``, ``sti_map_field``,
    ``sti_lines``, ``sti_window``, ``sti_window_auto``, ``sti_axial``, ``sti_coronal``, ``sti_sagittal``, ``sti_3d``,
    ``sti_convention``, ``sti_legend``, ``sti_display_unit``, ``sti_iterate`` (slider), ``sti_iterate_numbers``,
    ``sti_iterate_curves``.
    Compare: ``sti_compare_runs`` (check boxes), ``sti_compare_folder``, ``sti_compare_reference``, ``sti_compare_v1``,
    ``sti_compare_fa``, ``sti_compare_frame``, ``sti_compare_map``, ``sti_compare_more``, ``sti_compare_regions``,
    ``sti_compare_white``, ``sti_compare`` (becomes Cancel), ``sti_compare_state``, ``sti_compare_failure``,
    ``sti_compare_remark``, ``sti_compare_region``, ``sti_compare_table``, ``sti_compare_about``, ``sti_compare_side``,
    ``sti_compare_figure``, ``sti_compare_copy``, ``sti_compare_csv``, ``sti_compare_said``.
    Plan: ``sti_plan_max_tilt``, ``sti_plan_noise``, ``sti_plan_steps``, ``sti_plan_msa``, ``sti_plan_verdict``,
    ``sti_plan_next``, ``sti_plan_picture``, ``sti_plan_table``, ``sti_plan_angle``, ``sti_plan_empty``,
    ``sti_plan_faults``, ``sti_plan_show_command``, ``sti_plan_command``, ``sti_plan_copy_command``.
    Train: ``sti_train_blocked``, ``sti_train_earlier``, ``sti_train_task``, ``sti_train_parameters``,
    ``sti_param_NAME``, ``sti_train_folder``, ``sti_train_minutes``, ``sti_train_device``, ``sti_train_state``,
    ``sti_train_bar``, ``sti_train_numbers``, ``sti_train_curves``, ``sti_train_scores``, ``sti_train_picture``,
    ``sti_train_result``, ``sti_use_weights``, ``sti_train_failure``, ``sti_train`` (becomes Resume and Stop).
    Below: ``sti_tabs``, ``sti_job_bar``, ``sti_job_title``, ``sti_progress``, ``sti_job_numbers``, ``sti_cancel``,
    ``sti_preview``, ``sti_residual_curve``, ``sti_runs``.
"""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSize, QTimer, QUrl
from qtpy.QtGui import QDesktopServices, QShowEvent
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from napari_sti.jobs.client import WorkerClient
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.job_bar import JobBar
from napari_sti.widgets.look import DOCK_WIDTH, MARGIN
from napari_sti.widgets.panel import Panel
from napari_sti.widgets.panel_tabs import PanelTabs
from napari_sti.widgets.panels import panel_types
from napari_sti.widgets.runs_list import RunsList
from napari_sti.widgets.session.command import recon_command
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.shortcuts import add_shortcuts

_WARM_UP_AFTER = 300
"""Milliseconds after the dock is shown before the worker is started."""


class Workbench(QWidget):
    """Panels in the order of the work, below them the job bar and the list of runs.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer that it is docked in.
    make_client : callable, optional
        Makes the client of the worker process; tests give a stand-in.
    """

    def __init__(
        self,
        napari_viewer: Any,
        make_client: Callable[[Callable[[Any], None]], Any] = WorkerClient,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("sti_workbench")
        self.controller = Controller(napari_viewer, make_client, self)
        self.tabs = PanelTabs()
        self.tabs.setObjectName("sti_tabs")
        self.panels: dict[str, Panel] = {}
        for kind in panel_types():
            panel = kind(self.controller)
            panel.go_to.connect(self.show_panel)
            self.panels[panel.id] = panel
            index = self.tabs.addTab(panel.in_scroll_area(), panel.title)
            self.tabs.setTabToolTip(index, panel.help)
        self.job_bar = JobBar()
        self.runs = RunsList()
        runs = Fold("Runs", self.runs)
        runs.set_open(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN // 2, MARGIN // 2, MARGIN // 2, MARGIN // 2)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.job_bar)
        layout.addWidget(runs)
        self.setMinimumWidth(340)
        self._connect()
        add_shortcuts(self)
        self.controller.layers.adopt()
        self._warmed = False
        self._warm = QTimer(self)
        self._warm.setSingleShot(True)
        self._warm.timeout.connect(self._warm_up)

    def sizeHint(self) -> QSize:
        """As wide as the dock is meant to be."""
        return QSize(DOCK_WIDTH - 20, 700)

    def show_panel(self, panel_id: str) -> None:
        """Bring a panel to the front."""
        panel = self.panels[panel_id]
        for index in range(self.tabs.count()):
            if self.tabs.widget(index).widget() is panel:
                self.tabs.setCurrentIndex(index)

    def _in_front(self, panel_id: str) -> bool:
        return bool(self.tabs.currentWidget().widget() is self.panels[panel_id])

    def close_session(self) -> None:
        """End the worker and whatever is being read; called when the viewer closes or the program ends."""
        self._warm.stop()
        self.controller.close()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Start the worker a moment after the dock is seen, so that its devices are known."""
        super().showEvent(event)
        if not self._warmed:
            self._warmed = True
            self._warm.start(_WARM_UP_AFTER)

    def _connect(self) -> None:
        runs = self.controller.runs
        runs.added.connect(self._run_added)
        runs.changed.connect(self._run_changed)
        runs.finished.connect(self._run_finished)
        runs.listed.connect(self._runs_listed)
        self.job_bar.cancelled.connect(self._cancel)
        self.job_bar.preview_wanted.connect(self._preview)
        self.runs.action.connect(self._act)
        self.runs.chosen.connect(self._run_chosen)
        self.controller.layers.added.connect(self._layers_added)
        self.tabs.currentChanged.connect(self._panel_entered)
        app = QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(self.close_session)
        self.destroyed.connect(self.controller.close)

    def _warm_up(self) -> None:
        self.controller.runs.warm_up()
        self.controller.runs.read_history()

    def _listed_runs(self) -> list[Run]:
        return [run for run in self.controller.runs.runs if run.job.makes_tensor]

    def _runs_listed(self) -> None:
        self.runs.setValue(self._listed_runs())

    def _run_added(self, run: Run) -> None:
        if run.job.makes_tensor:
            self.runs.setValue(self._listed_runs())
            self.runs.select(run)
        self._show_job()

    def _run_changed(self, run: Run) -> None:
        self.runs.refresh(run)
        self._show_job()

    def _run_finished(self, run: Run) -> None:
        self.runs.refresh(run)
        self._show_job()

    def _show_job(self) -> None:
        active = self.controller.runs.active
        if active is not None and active is not self.job_bar.value():
            self.job_bar.setValue(active)
        else:
            self.job_bar.refresh()

    def _cancel(self) -> None:
        self.controller.runs.cancel(self.job_bar.value())

    def _preview(self, on: bool) -> None:
        kind = self.controller.view.value().map
        self.controller.preview.map = kind if kind in ("pev_colour", "msa", "mms") else "pev_colour"
        self.controller.preview.set_on(on)

    def _run_chosen(self, run: Run | None) -> None:
        if run is not None and run.name in self.controller.layers.run_names():
            self.controller.view.change(run=run.name)

    def _layers_added(self, name: str) -> None:
        if name in self.controller.layers.run_names():
            if not self.panels["reconstruct"].batch.active:  # more are to come, and how they stand is said there
                self.show_panel("view")
        elif not self.controller.layers.run_names() and self._in_front("view"):
            self.show_panel("data")  # there is nothing to view yet; who works in another panel stays there

    def _panel_entered(self, index: int) -> None:
        self.tabs.widget(index).widget().entered()

    def _act(self, action: str, run: Run) -> None:
        if action == "show":
            self.controller.layers.add_run(run)
        elif action == "rerun":
            self.controller.runs.again(run)
        elif action == "parameters":
            self.panels["reconstruct"].use_parameters(run)
            self.show_panel("reconstruct")
        elif action == "folder" and run.job.out is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.job.out)))
        elif action == "copy":
            lines = [f"method = {run.job.method}", *(f"{k} = {v}" for k, v in run.job.params.items())]
            QApplication.clipboard().setText("\n".join(lines))
        elif action == "command":
            QApplication.clipboard().setText(
                recon_command(
                    run.job.study,
                    run.job.method,
                    run.job.params,
                    kind=run.job.kind,
                    device=run.job.device,
                    start=run.job.start,
                )
            )
