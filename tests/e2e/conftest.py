from command_line import environment as environment
from command_line import root as root
from command_line import tablecloud as tablecloud
from command_line import zones as zones
