"""Is a port free, and if not, who holds it? Asked before anything is started, so that the answer is a sentence."""

import errno
import socket

import psutil

from bellgate.config_values import is_unspecified


def fault(host: str, port: int, setting: str) -> str | None:
    """None if this program can listen on host:port; else what is wrong and what to do. setting: "console.listen"."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            where = f"{setting} = {host}:{port}"
            if error.errno == errno.EADDRINUSE:
                return f"{where}: the port is in use by {holder(host, port)}. End that program, or change {setting}"
            if error.errno == errno.EACCES:
                return f"{where}: this user may not listen on ports below 1024. Use a higher port in {setting}"
            if error.errno == errno.EADDRNOTAVAIL:
                return f"{where}: this machine has no such address. Use 0.0.0.0 or one of its own in {setting}"
            return f"{where}: cannot listen there ({error.strerror}). Change {setting}"
    return None


def holder(host: str, port: int) -> str:
    """The program that listens on host:port, in words."""
    try:
        found = psutil.net_connections("tcp")
    except psutil.Error:
        found = []
    for connection in found:
        here = connection.laddr
        if connection.status != psutil.CONN_LISTEN or not here or here.port != port:
            continue
        if here.ip != host and not is_unspecified(host) and not is_unspecified(here.ip):
            continue
        if connection.pid is None:
            break
        try:
            return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
        except psutil.Error:
            break
    return f"another user's program (`sudo ss -ltnp sport = :{port}` names it)"
