#!/bin/bash
# A real S3 server for the tests, from Debian's packages: Ceph's gateway on one monitor and one store in memory, nothing left behind.
#   apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-common
#   bash tests/ceph_rgw.sh .venv/bin/pytest tests/test_store_writers.py tests/test_evidence.py
set -euo pipefail
folder=$(mktemp -d)
port=${GUANCHAO_CEPH_PORT:-9112}
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
cat > ceph.conf <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = [v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd crush chooseleaf type = 0
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon max pg per osd = 1000
osd objectstore = memstore
memstore device bytes = 4294967296
run dir = $folder
admin socket = $folder/\$cluster-\$name.asok
log file = $folder/\$name.log
mon data = $folder/mon-\$id
osd data = $folder/osd-\$id
public addr = 127.0.0.1
cluster addr = 127.0.0.1
rgw frontends = beast endpoint=127.0.0.1:$port
CONF
export CEPH_CONF=$folder/ceph.conf
mkdir mon-a osd-0
monmaptool --create --fsid "$(sed -n 's/^fsid = //p' ceph.conf)" --addv a "[v2:127.0.0.1:$((port + 1)),v1:127.0.0.1:$((port + 2))]" monmap > made.log
ceph-mon --mkfs -i a --monmap monmap >> made.log 2>&1
ceph-mon -i a -f > mon.out 2>&1 &
uuid=$(cat /proc/sys/kernel/random/uuid)
timeout 60 ceph osd new "$uuid" >> made.log 2>&1
ceph-osd -i 0 --mkfs --osd-uuid "$uuid" >> made.log 2>&1
timeout 60 ceph osd crush add 0 1.0 root=default host=localhost >> made.log 2>&1
ceph-osd -i 0 -f > osd.out 2>&1 &
radosgw -n client.rgw -f --ms-mon-client-mode=crc > rgw.out 2>&1 & # without cephx there is no secure mode to speak
for _ in $(seq 120); do curl -sf "http://127.0.0.1:$port/" > first && break; sleep 1; done
radosgw-admin -n client.rgw --ms-mon-client-mode=crc user create --uid=constructed --display-name=constructed \
  --access-key=constructed --secret-key=constructed >> made.log 2>&1
cd "$OLDPWD"
AWS_ACCESS_KEY_ID=constructed AWS_SECRET_ACCESS_KEY=constructed GUANCHAO_TEST_S3="http://127.0.0.1:$port" "$@"
