# shellcheck shell=bash
# A worker that is not root (`user` of dsk.yaml) can read and write what belongs to its user, and no more.

if [[ $(id -u) != 0 ]]; then
    owner="$(id -u):$(id -g)"
    [[ -r $BUNDLE/ssh/host_ed25519_key ]] ||
        err "the bundle cannot be read as $owner, which \`user\` of dsk.yaml names; on this server, as root: chown -R $owner FOLDER, the one with compose.yaml"
    [[ -w $DSK_WORKSPACE && -x $DSK_WORKSPACE ]] ||
        err "the workspace $DSK_WORKSPACE cannot be written as $owner, which \`user\` of dsk.yaml names; on this server, as root: chown $owner $DSK_WORKSPACE"
fi
