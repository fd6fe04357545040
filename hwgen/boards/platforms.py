"""Amaranth platforms that amaranth-boards lacks, and what it lacks of those that it has."""

from amaranth.build import Attrs, Clock, Connector, Pins, Resource
from amaranth.vendor import GowinPlatform, LatticeECP5Platform
from amaranth_boards.orangecrab_r0_2 import OrangeCrabR0_2_25FPlatform
from amaranth_boards.resources import LEDResources, UARTResource
from amaranth_boards.upduino_v3 import UpduinoV3Platform

_LVCMOS33 = Attrs(IO_TYPE="LVCMOS33")


class Himbaechel:
    """For a Gowin platform: nextpnr's own program for these parts is retired, Himbaechel is meant.

    It takes no clock constraint from a file: whoever builds gives ``--freq`` to it.
    """

    _apicula_required_tools = ["yosys", "nextpnr-himbaechel", "gowin_pack"]
    _apicula_command_templates = [
        GowinPlatform._apicula_command_templates[0],
        r"""
        {{invoke_tool("nextpnr-himbaechel")}}
            {{quiet("--quiet")}}
            {{get_override("nextpnr_opts")|options}}
            --log {{name}}.tim
            --device {{platform.part}}
            --vopt family={{platform._himbaechel_device}}
            --vopt cst={{name}}.cst
            --json {{name}}.syn.json
            --write {{name}}.pnr.json
        """,
        GowinPlatform._apicula_command_templates[2].replace(
            "platform._chipdb_device", "platform._himbaechel_device"
        ),
    ]
    _chipdb_device: str

    @property
    def _himbaechel_device(self) -> str:
        # Parts with memory beside the FPGA in their package ("R") are like those without.
        return self._chipdb_device.replace("GW2AR-18", "GW2A-18").replace("GW1NR", "GW1N")


def completed(cls: type) -> type:
    """The class of a platform, with Himbaechel if it is one of Gowin's.

    cls: a subclass of Amaranth's Platform. Others are returned as they are.
    """
    if issubclass(cls, GowinPlatform) and not issubclass(cls, Himbaechel):
        return type(cls.__name__, (Himbaechel, cls), {})
    return cls


class ColorlightI5Platform(LatticeECP5Platform):
    """Colorlight i5 on its extension board, whose debugger is the serial port."""

    device = "LFE5U-25F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = [
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), _LVCMOS33),
        *LEDResources(pins="U16", invert=True, attrs=_LVCMOS33),
        UARTResource(0, rx="H18", tx="J17", attrs=_LVCMOS33),
    ]
    connectors: list[Connector] = []


class OrangeCrabPlatform(OrangeCrabR0_2_25FPlatform):
    """OrangeCrab r0.2, 25F, with an adapter for the serial line on its pins 0 and 1."""

    resources = [
        *OrangeCrabR0_2_25FPlatform.resources,
        UARTResource(0, rx="0", tx="1", conn=("io", 0), attrs=_LVCMOS33),
    ]


class UpduinoPlatform(UpduinoV3Platform):
    """UPduino v3 with its oscillator of 12 MHz connected, and an adapter for the serial line.

    The part's own oscillator would do without, but is off by up to 10 %: too much for a UART.
    """

    default_clk = "clk12"
    resources = [
        *UpduinoV3Platform.resources,
        UARTResource(0, rx="28", tx="38", attrs=Attrs(IO_STANDARD="SB_LVCMOS")),
    ]


class TangNano20KPlatform(GowinPlatform):
    """Sipeed Tang Nano 20K; its debugger is the serial port."""

    part = "GW2AR-LV18QN88C8/I7"
    family = "GW2AR-18C"
    default_clk = "clk27"
    resources = [
        Resource("clk27", 0, Pins("4", dir="i"), Clock(27e6), _LVCMOS33),
        *LEDResources(pins="15 16 17 18 19 20", invert=True, attrs=_LVCMOS33),
        UARTResource(0, rx="70", tx="69", attrs=Attrs(PULL_MODE="UP", IO_TYPE="LVCMOS33")),
    ]
    connectors: list[Connector] = []
