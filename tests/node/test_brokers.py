"""The lists that config.json and settings.json share."""

from bellnode import brokers

GOOD = {"host": "gw.local", "port": 8883, "server_name": "gw"}


def refused(read, value):
    try:
        read(value)
    except ValueError:
        return True
    return False


def test_brokers_are_one_to_eight_with_host_port_and_name():
    assert brokers.read_brokers([GOOD]) == (("gw.local", 8883, "gw"),)
    assert len(brokers.read_brokers([GOOD] * brokers.BROKERS_MAX)) == brokers.BROKERS_MAX
    for wrong in ({}, [], [GOOD] * (brokers.BROKERS_MAX + 1), [None], [{"host": "a", "port": 0, "server_name": "a"}]):
        assert refused(brokers.read_brokers, wrong), wrong


def test_networks_may_have_no_password():
    assert brokers.read_wifi([{"ssid": "shop"}, {"ssid": "b", "password": "c"}]) == (("shop", ""), ("b", "c"))
    for wrong in ({}, [{}], [{"ssid": ""}], [{"ssid": "a", "password": 1}], [{"ssid": "a"}] * 9):
        assert refused(brokers.read_wifi, wrong), wrong
