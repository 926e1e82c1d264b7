#!/usr/bin/env bash
# A listener whose queue is full: the kernel drops what comes, as a firewall does.
python - <<'END' &
import socket, time
listener = socket.socket()
listener.bind(("127.0.0.1", 2222))
listener.listen(0)
held = [socket.socket() for _ in range(3)]
for each in held:
    each.setblocking(False)
    each.connect_ex(("127.0.0.1", 2222))
time.sleep(60)
END
sleep 2
ssh -p 2222 -o ConnectTimeout=2 -o BatchMode=yes 127.0.0.1 true
