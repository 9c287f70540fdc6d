"""The gateway: takes sealed messages from bells, stores each press once, tells people, and answers the bell.

The way of a press: `broker` → `pipeline` (core.signal, core.incident, core.escalation → `store`, one transaction)
→ receipt; then `engine` and `targets` tell people, `console` shows it, and every step goes back as a receipt.
"""

__version__ = "0.1.0"
