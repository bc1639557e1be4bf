"""Chain files and configurations that people keep: begun, exported, and put in place of a gateway's."""
