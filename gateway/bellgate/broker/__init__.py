"""MQTT between the bells and the gateway.

session     the gateway as a client (paho-mqtt): acknowledges after the commit; measures when it was listening
canary      the gateway's own message that proves MQTT → database → back
embedded    a NATS server that the gateway starts, watches, adopts and stops
nats        its settings file and what it reports
mosquitto   the files for a mosquitto that runs under its own service
"""
