import socket

from shared.devices import DeviceInfo, family_of
from shared.workers import WorkerInfo
from workers.checkup import fault


def a_worker(**fields) -> WorkerInfo:
    known = {
        "id": f"cpu@{socket.gethostname()}-7",
        "host": "a",
        "pid": 7,
        "version": "1",
        "lane": "cpu",
        "queues": ["cpu"],
        "device": DeviceInfo(id="CPU", family=family_of("CPU"), full_name="a CPU"),
        "concurrency": 1,
    }
    return WorkerInfo.model_validate(known | fields)


def test_a_device_that_is_gone_is_no_reason_to_restart():
    worker = a_worker(unready="the GPU is gone")
    assert fault([worker], "cpu", set, live=False) == "the GPU is gone"
    assert fault([worker], "cpu", set, live=True) is None


def test_workers_of_other_hosts_and_lanes_are_not_ours():
    others = [a_worker(id="cpu@elsewhere-7"), a_worker(id=f"cpu.long@{socket.gethostname()}-7")]
    said = "no worker of lane cpu has announced itself from here"
    assert fault(others, "cpu", set, live=True) == said
