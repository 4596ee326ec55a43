"""How close a training step and prediction come to their matrix products alone."""

from ffnp.benchmark.machine import machine as machine
from ffnp.benchmark.measuring import against_floor as against_floor
from ffnp.benchmark.measuring import bench as bench
from ffnp.benchmark.measuring import compare_predictions as compare_predictions
from ffnp.benchmark.measuring import compare_steps as compare_steps
from ffnp.benchmark.measuring import interleaved as interleaved
from ffnp.benchmark.validation import close as close
from ffnp.benchmark.validation import validate as validate
from ffnp.benchmark.validation import validate_prediction as validate_prediction
from ffnp.benchmark.work import CASES as CASES
from ffnp.benchmark.work import Prediction as Prediction
from ffnp.benchmark.work import Shapes as Shapes
from ffnp.benchmark.work import Step as Step
from ffnp.benchmark.work import prediction_products as prediction_products
from ffnp.benchmark.work import products as products
