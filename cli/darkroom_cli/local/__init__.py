"""The local stack: emulator, front door, logs and demo."""
