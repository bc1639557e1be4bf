"""One function for each thing that the harness can do: plan → engine → history → judge → store → report."""

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.experiment.chain_comparison import ChainSide, compare_chains
    from harness.experiment.chain_diagnosis import diagnose
    from harness.experiment.chain_files.applying import apply, trial_host
    from harness.experiment.chain_files.export import export_chain
    from harness.experiment.chain_files.proposal import previous, propose
    from harness.experiment.chain_files.reload import reload_with
    from harness.experiment.chain_files.starter import new_chain
    from harness.experiment.comparison import Baseline, compare, compare_with
    from harness.experiment.diagnosis import Diagnosis, doctor
    from harness.experiment.exploration import Explored, Found, explore
    from harness.experiment.files import is_chain
    from harness.experiment.judging import RunResult
    from harness.experiment.live import Interrupted
    from harness.experiment.load_workers import join, load_setup
    from harness.experiment.probing import probe
    from harness.experiment.replays.keeping import keep_replay
    from harness.experiment.replays.replaying import replay
    from harness.experiment.serving import serve
    from harness.experiment.showing import show
    from harness.experiment.single_run import report, run
    from harness.experiment.suites.suite import suite
    from harness.experiment.trial_run import trial
    from harness.experiment.tuning.counterfactual import measure_remedies
    from harness.experiment.tuning.keeping import keep_tuning
    from harness.experiment.tuning.tuner import TuneOptions
    from harness.experiment.tuning.tuning import tune
    from harness.experiment.validation import CheckedFile, check

__all__ = [
    "Baseline",
    "ChainSide",
    "CheckedFile",
    "Diagnosis",
    "Explored",
    "Found",
    "Interrupted",
    "RunResult",
    "TuneOptions",
    "apply",
    "check",
    "compare",
    "compare_chains",
    "compare_with",
    "diagnose",
    "doctor",
    "explore",
    "export_chain",
    "is_chain",
    "join",
    "keep_replay",
    "keep_tuning",
    "load_setup",
    "measure_remedies",
    "new_chain",
    "previous",
    "probe",
    "propose",
    "reload_with",
    "replay",
    "report",
    "run",
    "serve",
    "show",
    "suite",
    "trial",
    "trial_host",
    "tune",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Baseline": "comparison",
        "ChainSide": "chain_comparison",
        "CheckedFile": "validation",
        "Diagnosis": "diagnosis",
        "Explored": "exploration",
        "Found": "exploration",
        "Interrupted": "live",
        "RunResult": "judging",
        "TuneOptions": "tuning.tuner",
        "apply": "chain_files.applying",
        "check": "validation",
        "compare": "comparison",
        "compare_chains": "chain_comparison",
        "compare_with": "comparison",
        "diagnose": "chain_diagnosis",
        "doctor": "diagnosis",
        "explore": "exploration",
        "export_chain": "chain_files.export",
        "is_chain": "files",
        "join": "load_workers",
        "keep_replay": "replays.keeping",
        "keep_tuning": "tuning.keeping",
        "load_setup": "load_workers",
        "measure_remedies": "tuning.counterfactual",
        "new_chain": "chain_files.starter",
        "previous": "chain_files.proposal",
        "probe": "probing",
        "propose": "chain_files.proposal",
        "reload_with": "chain_files.reload",
        "replay": "replays.replaying",
        "report": "single_run",
        "run": "single_run",
        "serve": "serving",
        "show": "showing",
        "suite": "suites.suite",
        "trial": "trial_run",
        "trial_host": "chain_files.applying",
        "tune": "tuning.tuning",
    },
)
