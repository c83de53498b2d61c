"""Addresses are stable, free, and never shared by two meshes."""

import socket

import pytest

from pidalio.agent.addresses import AddressPool, lowest_port
from pidalio.errors import UsageError
from pidalio.platforms.local.addresses import subnets


@pytest.fixture
def pool(tmp_path):
    made = AddressPool(tmp_path)
    yield made
    made.close()


def test_first_choice_is_what_offline_commands_assume(tmp_path, pool):
    assert pool.subnet == next(subnets(str(tmp_path.resolve()), lowest_port=lowest_port()))


def test_second_mesh_gets_another_subnet(tmp_path, pool):
    other = AddressPool(tmp_path)
    assert other.subnet.prefix != pool.subnet.prefix
    other.close()


def test_subnet_is_free_again_after_close(tmp_path, pool):
    pool.close()
    again = AddressPool(tmp_path)
    assert again.subnet == pool.subnet
    again.close()


def test_lease_is_kept_and_its_address_can_be_bound(pool):
    first, second = pool.lease("a", [9080]), pool.lease("b", [9080])
    assert first.address != second.address
    assert pool.lease("a", [9080]) == first
    with socket.socket() as listening:
        listening.bind((first.address, 0))


def test_address_given_back_is_the_last_to_be_used_again(pool):
    first = pool.lease("a", [])
    pool.release("a")
    assert pool.lease("b", []) != first


def test_full_subnet_is_refused_and_recovers(pool):
    for index in range(254):
        pool.lease(f"i{index}", [])
    with pytest.raises(UsageError, match="254"):
        pool.lease("one-more", [])
    pool.release("i7")
    assert pool.lease("one-more", []).address


def test_application_keeps_its_port_and_shares_it_with_nobody(pool):
    port = pool.app_port("a", 9080)
    assert pool.app_port("a", 9080) == port
    assert len({pool.app_port(f"i{index}", 9080) for index in range(50)} | {port}) == 51


def test_port_in_use_is_not_given(pool, monkeypatch):
    monkeypatch.setattr("os.urandom", lambda _: b"\0\0\0\0")
    expected = pool.app_port("a", 1)
    pool.release("a")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", expected))
        holder.listen()
        assert pool.app_port("b", 1) != expected


def test_without_own_addresses_every_instance_has_own_ports(tmp_path):
    pool, other = AddressPool(tmp_path, own_addresses=False), AddressPool(tmp_path, own_addresses=False)
    placed = [where.lease("a", [80, 81]) for where in (pool, other)] + [pool.lease("b", [80])]
    assert {each.address for each in placed} == {"127.0.0.1"}
    ports = [port for each in placed for _, port in each.ports] + [each.outbound for each in placed]
    assert len(ports) == len(set(ports))
    pool.close()
    other.close()
