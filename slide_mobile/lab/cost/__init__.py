"""What a file costs on a phone: instructions counted in QEMU, times from models of its cores."""
