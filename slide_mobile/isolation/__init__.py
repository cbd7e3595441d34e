"""Foreign files: read up to a limit, and in a child process where they could do harm."""

from slide_mobile.isolation.calling import isolated as isolated
