"""Compiles kernels.cu with NVIDIA's own compiler, which needs no GPU: to PTX and to machine code, for several GPUs.

Written with nvidia-cuda-nvrtc 13.0 and nvidia-cuda-nvrtc-cu12 12.9. Install either: pip install nvidia-cuda-nvrtc
Command: python nvrtc.py PATH_OF_libnvrtc.so.NN
"""

import ctypes
import pathlib
import sys

nvrtc = ctypes.CDLL(sys.argv[1])
source = (pathlib.Path(__file__).parent.parent / "src" / "kernels.cu").read_bytes()


def compiled(options):
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"kernels.cu", 0, None, None) == 0
    failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    machine_code = b"=sm_" in options[0]
    (nvrtc.nvrtcGetCUBINSize if machine_code else nvrtc.nvrtcGetPTXSize)(program, ctypes.byref(size))
    return failed, log.value.decode(), size.value


def main():
    bad = 0
    for target in ("compute_80", "compute_90", "sm_80", "sm_90"):
        for options in ([], [b"--define-macro=BF16"]):
            failed, log, size = compiled([f"--gpu-architecture={target}".encode(), *options])
            print(target, "bf16" if options else "f32", log if failed or log else f"{size} bytes")
            bad += bool(failed or log)
    sys.exit(bad)


if __name__ == "__main__":
    main()
