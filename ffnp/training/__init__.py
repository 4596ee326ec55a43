"""Training: optimisers, schedules, and the trainer that goes through the epochs."""

from ffnp.training.trainer import Trainer as Trainer
