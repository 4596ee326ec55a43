"""How close a training step and prediction come to their matrix products alone."""

from ffnp.bench.machine import machine as machine
from ffnp.bench.machine import peak_memory as peak_memory
from ffnp.bench.measuring import against_floor as against_floor
from ffnp.bench.measuring import bench as bench
from ffnp.bench.measuring import compare_predictions as compare_predictions
from ffnp.bench.measuring import compare_steps as compare_steps
from ffnp.bench.measuring import interleaved as interleaved
from ffnp.bench.measuring import is_busy as is_busy
from ffnp.bench.validation import close as close
from ffnp.bench.validation import validate as validate
from ffnp.bench.validation import validate_prediction as validate_prediction
from ffnp.bench.work import CASES as CASES
from ffnp.bench.work import Prediction as Prediction
from ffnp.bench.work import Shapes as Shapes
from ffnp.bench.work import Step as Step
from ffnp.bench.work import prediction_products as prediction_products
from ffnp.bench.work import products as products
