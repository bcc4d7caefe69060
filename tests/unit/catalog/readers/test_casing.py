from __future__ import annotations

import pytest

from tablecloud.catalog.readers.casing import to_snake


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("vpcId", "vpc_id"),
        ("DBInstanceArn", "db_instance_arn"),
        ("ListTargetARNs", "list_target_arns"),
        ("ARNs", "arns"),
        ("resourceGroupName", "resource_group_name"),
        ("Ipv4Address", "ipv_4_address"),
        ("already_Snake", "already_Snake"),
        ("id", "id"),
        ("vm2Size", "vm_2_size"),
    ],
)
def test_names_become_snake_case(name: str, snake: str) -> None:
    assert to_snake(name) == snake
