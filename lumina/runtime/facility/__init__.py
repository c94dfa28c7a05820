"""The room's cooling, over MQTT: what a bench tells it, and what it tells the bench.

config     where the broker is, and how the topics are called
messages   what is said, as plain values
broker     the one module that talks MQTT
link       says it as long as the bench is up, and comes back when the broker was away
"""
