"""The parts of Thrift2's interface that two rooms write down for themselves, side by side in one process."""

from __future__ import annotations


def test_each_room_gets_its_own_interface_whichever_came_first() -> None:
    from ingest.hbase import changes
    from stores import hbase_admin

    scanning, making = changes._interface(), hbase_admin._interface()
    assert hasattr(scanning, "TScan") and hasattr(making, "TTableDescriptor")
    assert scanning.__name__ != making.__name__
