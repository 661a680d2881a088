//! One GPU: its memory, its kernels and its matrix products. All unsafe calls of this crate are here.
//!
//! Driver, compiler (NVRTC) and cuBLAS are loaded when a device is opened, so that no toolkit is needed to build and none to run
//! without a GPU. Work is queued on one stream and runs in order; what it reads and writes is named by [`Place`]s, addresses in
//! [`Memory`] of this device.
//!
//! cuBLAS's strided products serve, not cuBLASLt's: one call covers plain and batched products of every shape here, and Lt adds
//! fused epilogues that these do not need.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::Arc;

use cudarc::cublas::sys::{cublasComputeType_t, cublasGemmAlgo_t, cublasOperation_t, cudaDataType};
use cudarc::cublas::{self, CudaBlas};
use cudarc::driver::sys::CUdevice_attribute;
use cudarc::driver::{
    self, CudaContext, CudaFunction, CudaSlice, CudaStream, DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg,
};
use cudarc::nvrtc::{self, CompileOptions};
use thiserror::Error;

/// A GPU that cannot be used, or that failed.
#[derive(Debug, Error)]
pub enum CudaError {
    /// A library is not installed.
    #[error(
        "CUDA cannot be used: library {name} was not found, expected {name}.so where the system looks for libraries (LD_LIBRARY_PATH)"
    )]
    Library {
        /// Its name.
        name: &'static str,
    },
    /// There is no device.
    #[error("CUDA cannot be used: the driver finds no device")]
    NoDevice,
    /// The device has too little memory.
    #[error(
        "{device}: {expected} bytes of free memory are needed, {got} are free; a smaller batch or context needs less"
    )]
    Memory {
        /// The device.
        device: String,
        /// Bytes needed.
        expected: usize,
        /// Bytes free.
        got: usize,
    },
    /// The kernels did not compile.
    #[error("the kernels do not compile for {device}: {log}")]
    Compile {
        /// The device.
        device: String,
        /// What the compiler said.
        log: String,
    },
    /// The driver refused.
    #[error("{what}: {source:?}")]
    Driver {
        /// What was asked.
        what: &'static str,
        /// Its answer.
        source: driver::DriverError,
    },
    /// cuBLAS refused.
    #[error("{what}: {source:?}")]
    Product {
        /// What was asked.
        what: &'static str,
        /// Its answer.
        source: cublas::result::CublasError,
    },
}

fn driver(what: &'static str) -> impl FnOnce(driver::DriverError) -> CudaError {
    move |source| CudaError::Driver { what, source }
}

/// What activations and the weights' copy for products are stored as; sums and the optimiser are f32 in either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Brain floating point, 16 bits.
    Bf16,
    /// Single precision.
    F32,
}

impl Precision {
    /// Bytes of a number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
        }
    }

    fn data_type(self) -> cudaDataType {
        match self {
            Self::Bf16 => cudaDataType::CUDA_R_16BF,
            Self::F32 => cudaDataType::CUDA_R_32F,
        }
    }
}

const SOURCE: &str = include_str!("kernels.cu");
/// The kernels of `kernels.cu`.
const KERNELS: [&str; 15] = [
    "shadow",
    "embed",
    "norm_forward",
    "norm_backward",
    "norm_weight_partials",
    "sum_rows",
    "causal_softmax",
    "causal_softmax_backward",
    "gelu",
    "gelu_backward",
    "cross_entropy",
    "position_gradients",
    "token_gradients",
    "square_partials",
    "adamw",
];

/// An address in a device's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) u64);

impl Place {
    /// No place: an output that is not wanted.
    pub(crate) const NONE: Self = Self(0);

    /// The place `bytes` after this one.
    pub(crate) fn after(self, bytes: usize) -> Self {
        Self(self.0 + bytes as u64)
    }
}

/// Bytes of a device, given back when dropped.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: CudaSlice<u8>,
    place: Place,
}

impl Memory {
    /// Its first byte.
    pub(crate) fn place(&self) -> Place {
        self.place
    }
}

/// An argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Argument {
    At(Place),
    Count(i64),
    Factor(f32),
}

impl From<Place> for Argument {
    fn from(place: Place) -> Self {
        Self::At(place)
    }
}

impl From<usize> for Argument {
    fn from(count: usize) -> Self {
        Self::Count(count as i64)
    }
}

impl From<f32> for Argument {
    fn from(factor: f32) -> Self {
        Self::Factor(factor)
    }
}

/// A side of a product: where it lies, elements from row to row, and elements from one matrix of a batch to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    pub(crate) place: Place,
    pub(crate) stride: usize,
    pub(crate) between: usize,
    pub(crate) transposed: bool,
}

impl Side {
    /// A matrix as it lies there, with rows of `stride`.
    pub(crate) fn new(place: Place, stride: usize) -> Self {
        Self { place, stride, between: 0, transposed: false }
    }

    /// The transpose of what lies there.
    pub(crate) fn transposed(self) -> Self {
        Self { transposed: true, ..self }
    }

    /// One matrix of a batch, the next of which is `between` further.
    pub(crate) fn every(self, between: usize) -> Self {
        Self { between, ..self }
    }

    fn operation(self) -> cublasOperation_t {
        if self.transposed { cublasOperation_t::CUBLAS_OP_T } else { cublasOperation_t::CUBLAS_OP_N }
    }
}

/// What becomes of the output of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// Written as activations are.
    Replace,
    /// Added to what is there, as activations are.
    Add,
    /// Written in f32, as gradients of weights are.
    Gradient,
}

/// One GPU with its kernels.
#[derive(Debug)]
pub(crate) struct Device {
    name: String,
    precision: Precision,
    stream: Arc<CudaStream>,
    blas: CudaBlas,
    kernels: BTreeMap<&'static str, CudaFunction>,
}

/// An error unless the libraries that are needed can be loaded.
fn libraries() -> Result<(), CudaError> {
    // SAFETY: loading these libraries runs their initialisers, which have no requirement on the caller.
    let found = unsafe {
        [
            ("libcuda", driver::sys::is_culib_present()),
            ("libnvrtc", nvrtc::sys::is_culib_present()),
            ("libcublas", cublas::sys::is_culib_present()),
        ]
    };
    match found.into_iter().find(|(_, present)| !present) {
        Some((name, _)) => Err(CudaError::Library { name }),
        None => Ok(()),
    }
}

impl Device {
    /// The first GPU of this machine, with its kernels compiled.
    pub(crate) fn open(precision: Precision) -> Result<Self, CudaError> {
        libraries()?;
        let devices = CudaContext::device_count().map_err(driver("counting devices"))?;
        if devices == 0 {
            return Err(CudaError::NoDevice);
        }
        let context = CudaContext::new(0).map_err(driver("opening device 0"))?;
        // SAFETY: all work is on one stream, whose order needs no events.
        unsafe { context.disable_event_tracking() };
        let name = context.name().map_err(driver("the device's name"))?;
        let attribute = |attribute| context.attribute(attribute).map_err(driver("the device's attributes"));
        let major = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
        let minor = attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        let mut options = vec![format!("--gpu-architecture=compute_{major}{minor}")];
        if precision == Precision::Bf16 {
            options.push("--define-macro=BF16".to_owned());
        }
        let options = CompileOptions { options, ..CompileOptions::default() };
        let image = nvrtc::compile_ptx_with_opts(SOURCE, options)
            .map_err(|error| CudaError::Compile { device: name.clone(), log: compile_log(&error) })?;
        let module = context.load_module(image).map_err(driver("loading the kernels"))?;
        let kernels = KERNELS
            .into_iter()
            .map(|kernel| Ok((kernel, module.load_function(kernel).map_err(driver("finding a kernel"))?)))
            .collect::<Result<_, CudaError>>()?;
        let stream = context.default_stream();
        let blas = CudaBlas::new(Arc::clone(&stream))
            .map_err(|source| CudaError::Product { what: "opening cuBLAS", source })?;
        Ok(Self { name, precision, stream, blas, kernels })
    }

    /// The device's name and the precision of its activations.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}", self.name, self.precision.name())
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// An error unless `bytes` are free.
    pub(crate) fn expect_free(&self, bytes: usize) -> Result<(), CudaError> {
        let (free, _) = self.stream.context().mem_get_info().map_err(driver("asking for free memory"))?;
        if bytes > free {
            return Err(CudaError::Memory { device: self.name.clone(), expected: bytes, got: free });
        }
        Ok(())
    }

    /// `bytes` of memory, all zero.
    pub(crate) fn allocate(&self, bytes: usize) -> Result<Memory, CudaError> {
        let bytes = self.stream.alloc_zeros::<u8>(bytes.max(1)).map_err(driver("allocating memory"))?;
        let place = Place(bytes.device_ptr(&self.stream).0);
        Ok(Memory { bytes, place })
    }

    /// Writes `values` to the start of `memory`.
    pub(crate) fn write<T: DeviceRepr>(&self, memory: &mut Memory, values: &[T]) -> Result<(), CudaError> {
        // SAFETY: T is a plain number, of which any bits are one.
        let view = unsafe { memory.bytes.transmute_mut::<T>(values.len()) };
        let mut view = view.expect("memory that holds the values");
        self.stream.memcpy_htod(values, &mut view).map_err(driver("writing memory"))
    }

    /// The first `count` values of `memory`, once all queued work is done.
    pub(crate) fn read<T: DeviceRepr>(&self, memory: &Memory, count: usize) -> Result<Vec<T>, CudaError> {
        // SAFETY: as in `write`.
        let view = unsafe { memory.bytes.transmute::<T>(count) }.expect("memory that holds the values");
        let values = self.stream.clone_dtoh(&view).map_err(driver("reading memory"))?;
        self.stream.synchronize().map_err(driver("waiting for the device"))?;
        Ok(values)
    }

    /// Flips bit `bit` of `memory`.
    pub(crate) fn flip(&self, memory: &mut Memory, bit: usize) -> Result<(), CudaError> {
        let mut byte = memory.bytes.slice_mut(bit / 8..=bit / 8);
        let was = self.stream.clone_dtoh(&byte).map_err(driver("reading memory"))?;
        self.stream.memcpy_htod(&[was[0] ^ (1 << (bit % 8))], &mut byte).map_err(driver("writing memory"))
    }

    /// Queues `kernel` in `grid` blocks of `threads`.
    pub(crate) fn launch(
        &self,
        kernel: &'static str,
        grid: [usize; 2],
        threads: u32,
        arguments: &[Argument],
    ) -> Result<(), CudaError> {
        let mut builder = self.stream.launch_builder(&self.kernels[kernel]);
        for argument in arguments {
            match argument {
                Argument::At(place) => builder.arg(&place.0),
                Argument::Count(count) => builder.arg(count),
                Argument::Factor(factor) => builder.arg(factor),
            };
        }
        let config = LaunchConfig {
            grid_dim: (grid[0] as u32, grid[1] as u32, 1),
            block_dim: (threads, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the arguments are those of the kernel in number and kind, and its places lie in memory that outlives the
        // stream's work: the tests run every kernel with its arguments.
        unsafe { builder.launch(config) }.map_err(|source| CudaError::Driver { what: kernel, source })?;
        Ok(())
    }

    /// Queues `count` products `output (+)= left right` of sizes `[m, k] [k, n]`.
    pub(crate) fn product(
        &self,
        (output, into): (Side, Into),
        [m, n, k]: [usize; 3],
        (left, right): (Side, Side),
        count: usize,
    ) -> Result<(), CudaError> {
        // cuBLAS works in the context of the thread that calls it.
        self.stream.context().bind_to_thread().map_err(driver("choosing the device"))?;
        let (one, zero) = (1.0f32, 0.0f32);
        let beta = if into == Into::Add { &one } else { &zero };
        let element = self.precision.data_type();
        let output_type = if into == Into::Gradient { cudaDataType::CUDA_R_32F } else { element };
        // Row-major matrices are the transposes of column-major ones, so the sides change places.
        // SAFETY: the places hold matrices of these sizes and strides; alpha and beta are read before the call returns.
        unsafe {
            cublas::result::gemm_strided_batched_ex(
                *self.blas.handle(),
                right.operation(),
                left.operation(),
                n as i32,
                m as i32,
                k as i32,
                (&raw const one).cast(),
                pointer(right.place),
                element,
                right.stride as i32,
                right.between as i64,
                pointer(left.place),
                element,
                left.stride as i32,
                left.between as i64,
                std::ptr::from_ref(beta).cast(),
                pointer(output.place).cast_mut(),
                output_type,
                output.stride as i32,
                output.between as i64,
                count as i32,
                cublasComputeType_t::CUBLAS_COMPUTE_32F,
                cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
        .map_err(|source| CudaError::Product { what: "a matrix product", source })
    }
}

fn pointer(place: Place) -> *const c_void {
    place.0 as *const c_void
}

fn compile_log(error: &nvrtc::CompileError) -> String {
    match error {
        nvrtc::CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
        other => other.to_string(),
    }
}
