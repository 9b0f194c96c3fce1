"""Suites that ship."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.reference import problems
from shared.suites import Suite, shipped_suites

router = APIRouter(tags=["benchmarks"])


class SuiteList(BaseModel):
    """All of them."""

    suites: list[Suite]


@router.get("/suites", responses=problems())
async def list_suites() -> SuiteList:
    """Suites by name, with their tests. Whoever wants another posts its tests with the job."""
    return SuiteList(suites=list(shipped_suites().values()))
