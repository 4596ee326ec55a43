"""Every gradient against finite differences of the loss that it claims to differentiate."""

from ffnp.gradcheck.cases import cases as cases
from ffnp.gradcheck.cases import cases_of as cases_of
from ffnp.gradcheck.cases import cases_with as cases_with
from ffnp.gradcheck.cases import name_of as name_of
from ffnp.gradcheck.checking import CHECKS as CHECKS
from ffnp.gradcheck.checking import Result as Result
from ffnp.gradcheck.checking import check as check
