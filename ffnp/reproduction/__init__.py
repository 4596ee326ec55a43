"""The paper's tables and figures: which runs they need, how these run, and what is made of them."""

from ffnp.reproduction.experiments import TARGETS as TARGETS
from ffnp.reproduction.experiments import Task as Task
from ffnp.reproduction.experiments import expand as expand
from ffnp.reproduction.spreading import run_tasks as run_tasks
from ffnp.reproduction.spreading import stop_file as stop_file
