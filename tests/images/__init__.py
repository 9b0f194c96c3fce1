"""Our images, built and run as docker-compose.yml says: ``python -m tests.images``.

Needs root on Debian with podman, buildah, runc, netavark, aardvark-dns, debootstrap and a Python outside /usr. Base
images are made here, so that no registry of images is asked: Debian from its packages, with this Python; Valkey and
SeaweedFS from the programs that tests use. Takes about 15 minutes the first time.
"""
