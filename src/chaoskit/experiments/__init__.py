"""From a document to a verdict: faults, targets, plans, runs; and what to try next."""

from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.planning import Plan, plan
from chaoskit.experiments.runner import run
from chaoskit.experiments.trials import Trial, load, trial_of, trials

__all__ = ["CATALOGUE", "Plan", "Trial", "load", "plan", "run", "trial_of", "trials"]
