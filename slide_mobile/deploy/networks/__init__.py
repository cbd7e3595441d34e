"""A network of the user: what we know by its structure is rewritten where that is proved."""

from slide_mobile.deploy.networks.network import Network as Network
from slide_mobile.deploy.networks.preparing import Prepared as Prepared
from slide_mobile.deploy.networks.preparing import prepare as prepare
