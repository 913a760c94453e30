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
    ``sti_run`` (says Running),
    ``sti_result``, ``sti_failure``, ``sti_show_command``, ``sti_command``, ``sti_copy_command``.
    View: ``sti_view_run``, ``sti_map_pev_colour``, ``sti_map_msa``, ``sti_map_mms``, ``sti_map_field``,
    ``sti_lines``, ``sti_window``, ``sti_window_auto``, ``sti_axial``, ``sti_coronal``, ``sti_sagittal``, ``sti_3d``,
    ``sti_convention``, ``sti_legend``, ``sti_display_unit``, ``sti_iterate`` (slider), ``sti_iterate_numbers``,
    ``sti_iterate_curves``, ``sti_ellipsoids``, ``sti_three`` (opens ``sti_linked_views``); under More:
    ``sti_modulate``, ``sti_modulate_mode``, ``sti_clip``, ``sti_clip_range``, ``sti_suppress_l`` / ``_p`` / ``_i``,
    ``sti_even``, ``sti_slab``, ``sti_glyph_shape``. What covers the map: ``sti_view_covered``
    (``sti_view_bring_back``), in Probe ``sti_probe_seen``. A picture of Quality or Train in its own size:
    ``sti_picture_large``.
    Compare: ``sti_compare_runs`` (check boxes), ``sti_compare_folder``, ``sti_compare_reference``, ``sti_compare_v1``,
    ``sti_compare_fa``, ``sti_compare_frame``, ``sti_compare_map``, ``sti_compare_more``, ``sti_compare_regions``,
    ``sti_compare_white``, ``sti_compare`` (Cancel comparing), ``sti_compare_state``, ``sti_compare_failure``,
    ``sti_compare_remark``, ``sti_compare_region``, ``sti_compare_table``, ``sti_compare_about``, ``sti_compare_side``,
    ``sti_compare_figure``, ``sti_compare_copy``, ``sti_compare_csv``, ``sti_compare_said``.
    Probe: ``sti_probe`` (becomes Stop probing), ``sti_probe_empty``, ``sti_probe_state``, ``sti_probe_place``,
    ``sti_probe_typed``, ``sti_probe_failure``, ``sti_probe_places`` (table), ``sti_probe_remove``,
    ``sti_probe_clear``, ``sti_probe_csv``, ``sti_probe_said``, ``sti_probe_heading``, ``sti_probe_where``,
    ``sti_probe_matrix``, ``sti_probe_arrow``, ``sti_probe_numbers``, ``sti_probe_bars``, ``sti_probe_fields``,
    ``sti_probe_runs`` (table), ``sti_probe_show_command``, ``sti_probe_command``, ``sti_probe_copy_command``.
    Regions: ``sti_regions`` (Cancel measuring), ``sti_regions_empty``, ``sti_regions_results`` (check boxes),
    ``sti_regions_folder``, ``sti_regions_labels``, ``sti_regions_file``, ``sti_regions_state``,
    ``sti_regions_question``, ``sti_regions_failure``, ``sti_regions_remark``, ``sti_regions_map``,
    ``sti_region_boxes``, ``sti_regions_about``, ``sti_region_table``, ``sti_region_histogram``, ``sti_regions_csv``,
    ``sti_regions_figure``, ``sti_regions_bins``, ``sti_regions_copy``, ``sti_regions_said``,
    ``sti_regions_show_command``, ``sti_regions_command``, ``sti_regions_copy_command``.
    Quality: ``sti_quality_empty``, ``sti_quality_result``, ``sti_quality_frame``, ``sti_quality_folder``,
    ``sti_quality_file``, ``sti_quality_study``, ``sti_quality_v1``, ``sti_quality_fa``, ``sti_quality_dti_frame``,
    ``sti_quality_more``, ``sti_quality_white``, ``sti_quality_mended``, ``sti_quality_undo``, ``sti_quality_state``,
    ``sti_quality_failure``, ``sti_quality_about``, ``sti_quality_mend``, ``sti_quality_apply``, ``sti_quality_open``,
    ``sti_quality_save``, ``sti_quality_residuals``, ``sti_quality_angle``, ``sti_quality_said``,
    ``sti_quality_lines``, ``sti_quality_pictures``, ``sti_quality_make`` (says Running), ``sti_quality_dti_mend``,
    ``sti_quality_v1_mend``, ``sti_quality_v1_use``, ``sti_quality_v1_save``.
    Plan: ``sti_plan_max_tilt``, ``sti_plan_noise``, ``sti_plan_steps``, ``sti_plan_msa``, ``sti_plan_verdict``,
    ``sti_plan_next``, ``sti_plan_picture``, ``sti_plan_table``, ``sti_plan_angle``, ``sti_plan_empty``,
    ``sti_plan_faults``, ``sti_plan_show_command``, ``sti_plan_command``, ``sti_plan_copy_command``.
    Train: ``sti_train_blocked``, ``sti_train_earlier``, ``sti_train_task``, ``sti_train_parameters``,
    ``sti_param_NAME``, ``sti_train_folder``, ``sti_train_minutes``, ``sti_train_device``, ``sti_train_state``,
    ``sti_train_bar``, ``sti_train_numbers``, ``sti_train_curves``, ``sti_train_scores``, ``sti_train_picture``,
    ``sti_train_result``, ``sti_use_weights``, ``sti_train_failure``, ``sti_train`` (becomes Resume and Stop).
    Prior: ``sti_prior_weights``, ``sti_prior_about``, ``sti_prior_risk``, ``sti_prior_image``, ``sti_prior_action``,
    ``sti_prior_other``, ``sti_prior_region``, ``sti_prior_way_noise`` (``_blur``, ``_contrast``, ``_blend``,
    ``_lesion``), ``sti_prior_more``, ``sti_prior_scaling``, ``sti_prior_factor``, ``sti_prior_slices``,
    ``sti_prior_dims``, ``sti_prior_lesion``, ``sti_prior_noise``, ``sti_prior_tolerance``, ``sti_prior_device``,
    ``sti_prior_train``, ``sti_prior_slice``, ``sti_prior_blocked``, ``sti_prior_failure``, ``sti_prior`` (says
    Running), ``sti_prior_result``, ``sti_prior_bound``, ``sti_prior_details``, ``sti_prior_check_0`` ...,
    ``sti_prior_way``, ``sti_prior_plot``, ``sti_prior_figure``, ``sti_prior_csv``, ``sti_prior_said``,
    ``sti_prior_show_command``, ``sti_prior_command``, ``sti_prior_copy_command``.
    Separate: ``sti_separate_blocked``, ``sti_separate_mend``, ``sti_separate_chi``, ``sti_separate_chi_file``,
    ``sti_separate_rates``, ``sti_separate_rates_choose``, ``sti_separate_r2``, ``sti_separate_r2_file``,
    ``sti_separate_constant_r2``, ``sti_separate_orientation``, ``sti_separate_dr``, ``sti_separate_dr_own``,
    ``sti_separate_dr_differs``, ``sti_separate_dr_neg``, ``sti_separate_dr_source``, ``sti_separate_method``,
    ``sti_separate_summary``, ``sti_param_NAME``, ``sti_separate_more``, ``sti_separate_naming``,
    ``sti_separate_numbers``, ``sti_separate_objective``, ``sti_separate_result``, ``sti_separate_failure``,
    ``sti_separate_results`` (check boxes), ``sti_separate_side``, ``sti_separate_which``, ``sti_separate_histogram``,
    ``sti_separate_brushed``, ``sti_separate_clear``, ``sti_separate_regions``, ``sti_separate_boxes``,
    ``sti_separate`` (says Running).
    Tracts: ``sti_tracts_empty``, ``sti_tracts_source``, ``sti_tracts_v1``, ``sti_tracts_fa``, ``sti_tracts_frame``,
    ``sti_tracts_seeds``, ``sti_tracts_radius``, ``sti_tracts_label``, ``sti_param_NAME``, ``sti_tracts_more``,
    ``sti_tracts_most``, ``sti_tracts_within``, ``sti_tracts_state``, ``sti_tracts_note``, ``sti_tracts_failure``,
    ``sti_tracts_slab``, ``sti_tracts_table``, ``sti_tracts_save``, ``sti_tracts_open``, ``sti_tracts_compare``,
    ``sti_tracts_numbers``, ``sti_tracts_said``, ``sti_tracts`` (Track, Follow the cursor, Keep these tracts,
    Cancel tracking), ``sti_tracts_stop``, ``sti_tracts_density``.
    Figure: ``sti_figure_empty``, ``sti_figure_add``, ``sti_figure_picture``, ``sti_figure_panels`` (table),
    ``sti_figure_up``, ``sti_figure_down``, ``sti_figure_remove``, ``sti_figure_columns``, ``sti_figure_title``,
    ``sti_figure_more``, ``sti_figure_width``, ``sti_figure_dpi``, ``sti_figure_bars``, ``sti_figure_scale``,
    ``sti_figure_letters``, ``sti_figure_open``, ``sti_figure_preview``, ``sti_figure_state``, ``sti_figure_note``,
    ``sti_figure_failure``, ``sti_figure_said``, ``sti_workspace_save``, ``sti_workspace_open``, ``sti_figure``.
    Below: ``sti_tabs``, ``sti_job_bar``, ``sti_job_title``, ``sti_progress``, ``sti_job_numbers``, ``sti_cancel``,
    ``sti_waiting``, ``sti_cancel_waiting``, ``sti_preview``, ``sti_residual_curve``, ``sti_run_removed``,
    ``sti_run_undo``, ``sti_runs``.
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
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import Panel
from napari_sti.widgets.panel_shelf import PanelShelf
from napari_sti.widgets.panel_tabs import PanelTabs
from napari_sti.widgets.panels import panel_types
from napari_sti.widgets.runs_list import RunsList
from napari_sti.widgets.session.command import job_command
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.shortcuts import add_shortcuts

_WARM_UP_AFTER = 300
"""Milliseconds after the dock is shown before the worker is started."""
_BETWEEN_PANELS = 40
"""Milliseconds between two panels that are made in advance; the window answers meanwhile."""


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
        self.panels = PanelShelf(self.tabs, panel_types(), self._make_panel)
        self.panels.at(0)
        self.job_bar = JobBar()
        self.runs = RunsList()
        self.removed = Note("accent", action="Undo", parent=self)
        self.removed.setObjectName("sti_run_removed")
        self.removed.button.setObjectName("sti_run_undo")
        runs = Fold("Runs", self.runs)
        runs.set_open(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN // 2, MARGIN // 2, MARGIN // 2, MARGIN // 2)
        layout.setSpacing(MARGIN // 2)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.job_bar)
        layout.addWidget(self.removed)
        layout.addWidget(runs)
        self.setMinimumWidth(340)
        self._connect()
        add_shortcuts(self)
        self.controller.layers.adopt()
        self._warmed = False
        self._warm = QTimer(self)
        self._warm.setSingleShot(True)
        self._warm.timeout.connect(self._warm_up)
        self._making = QTimer(self)
        self._making.setSingleShot(True)
        self._making.setInterval(_BETWEEN_PANELS)
        self._making.timeout.connect(self._make_next)

    def sizeHint(self) -> QSize:
        """As wide as the dock is meant to be."""
        return QSize(DOCK_WIDTH - 20, 700)

    def show_panel(self, panel_id: str) -> None:
        """Bring a panel to the front."""
        self.panels.show(panel_id)

    def _make_panel(self, kind: type[Panel]) -> Panel:
        panel = kind(self.controller)
        panel.go_to.connect(self.show_panel)
        return panel

    def close_session(self) -> None:
        """End the worker and whatever is being read; called when the viewer closes or the program ends."""
        self._warm.stop()
        self._making.stop()
        self.controller.close()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Start the worker a moment after the dock is seen, so that its devices are known."""
        super().showEvent(event)
        if not self._warmed:
            self._warmed = True
            self._warm.start(_WARM_UP_AFTER)
            self._making.start()

    def _connect(self) -> None:
        runs = self.controller.runs
        runs.added.connect(self._run_added)
        runs.changed.connect(self._run_changed)
        runs.finished.connect(self._run_finished)
        runs.listed.connect(self._runs_listed)
        self.job_bar.cancelled.connect(self._cancel)
        self.job_bar.waiting_cancelled.connect(runs.cancel_waiting)
        self.controller.removed.changed.connect(self._removed)
        self.removed.clicked.connect(self.controller.removed.undo)
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
        return [run for run in self.controller.runs.runs if run.listed]

    def _runs_listed(self) -> None:
        self.runs.setValue(self._listed_runs())

    def _run_added(self, run: Run) -> None:
        if run.listed:
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
        self.job_bar.set_waiting(self.controller.runs.waiting)

    def _removed(self, sentence: str) -> None:
        self.removed.set("accent", sentence)

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
        elif not self.controller.layers.run_names() and self.panels.in_front("view"):
            self.show_panel("data")  # there is nothing to view yet; who works in another panel stays there

    def _panel_entered(self, index: int) -> None:
        self.panels.at(index).entered()

    def _make_next(self) -> None:
        if self.panels.make_one():
            self._making.start()

    def _act(self, action: str, run: Run) -> None:
        separation = run.job.kind == "separate"
        if action == "show":
            self.controller.show_result(run)
            if separation:
                self.show_panel("separate")
        elif action == "rerun":
            self.controller.runs.again(run)
        elif action == "cancel":
            self.controller.runs.cancel(run)
        elif action == "remove":
            self.controller.removed.remove(run)
        elif action == "parameters":
            panel = "separate" if separation else "reconstruct"
            self.panels[panel].use_parameters(run)
            self.show_panel(panel)
        elif action == "folder" and run.job.out is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.job.out)))
        elif action == "copy":
            values = {**run.job.params, **run.job.given}
            lines = [f"method = {run.job.method}", *(f"{k} = {v}" for k, v in values.items())]
            QApplication.clipboard().setText("\n".join(lines))
        elif action == "command":
            QApplication.clipboard().setText(job_command(run.job))
