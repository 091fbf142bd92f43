using Dtt.Training.Kernels.Cpu;
using Dtt.Training.Kernels.Cuda;
using Dtt.Training.Kernels.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels;

/// <summary>
/// What a model computes, by the fastest way that a device has: the one place that knows the device. <see cref="TorchKernels"/> does it with torch's own
/// operations on any device and is the reference; <see cref="CpuKernels"/> and <see cref="CudaKernels"/> derive from it and override what they do faster.
/// An operation is a forward and a backward step: with <c>save</c>, forward gives what backward needs, else null. None of them builds a graph that outlives it.
/// Shapes: B sequences of T tokens, N = B T rows, C the model's width, V ids padded to Vp, nh heads of hs for queries and nkv for keys and values. Types: fp32
/// or bf16, as the weights; gradients of weights are summed in fp32.
/// </summary>
internal interface IKernels
{
    /// <summary>The kernels of a device.</summary>
    static IKernels Of(Device device) => device.type switch
    {
        DeviceType.CPU => new CpuKernels(),
        DeviceType.CUDA => new CudaKernels(device, CudaCode.Module),
        _ => new TorchKernels(device),
    };

    /// <summary>Where its tensors are.</summary>
    Device Device { get; }

    /// <summary>Why kernels of our own that belong to the device are replaced by torch's; null: none is.</summary>
    string? Missing { get; }

    /// <summary>Rows of logits that the head makes at once in training, of <paramref name="ids"/> each.</summary>
    int HeadRows(int ids);

    /// <summary>
    /// Whether one new token of one sequence is faster without tensors: by <see cref="Model.TokenDecoder"/>, from fp32 weights and a key-value cache in this
    /// process's memory.
    /// </summary>
    bool DecodesOnHost { get; }

    /// <summary>x Wᵀ + b: (N, in), (out, in), (out) or null → (N, out).</summary>
    Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null);

    /// <summary>Adds the weights' gradients, and gives that of x, (N, in).</summary>
    /// <param name="gradient">(N, out), contiguous.</param>
    /// <param name="x">(N, in), the input.</param>
    /// <param name="weight">(out, in).</param>
    /// <param name="weightSum">Of the weight.</param>
    /// <param name="biasSum">Of the bias, if there is one.</param>
    Tensor LinearBackward(Tensor gradient, Tensor x, Tensor weight, GradientSum weightSum, GradientSum? biasSum);

    /// <summary>
    /// LayerNorm (Ba et al. 2016, arXiv:1607.06450), or without a bias RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467, equation 4), whose mean is in fp32,
    /// over the last dimension: (…, C), (C), (C) or null → (…, C).
    /// </summary>
    (Tensor Output, Saved? Saved) Norm(Tensor x, Tensor gain, Tensor? bias, double epsilon, bool save);

    /// <summary>Adds the weights' gradients, and gives that of x, (…, C), of that of the output.</summary>
    Tensor NormBackward(Tensor gradient, Saved saved, Tensor gain, GradientSum gainSum, GradientSum? biasSum);

    /// <summary>GPT-2's GELU, by tanh (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2): (…) → (…).</summary>
    (Tensor Output, Saved? Saved) TanhGelu(Tensor x, bool save);

    /// <summary>The gradient of x of that of the output, (…) both.</summary>
    Tensor TanhGeluBackward(Tensor gradient, Saved saved);

    /// <summary>silu(g) u of rows that are g and u (Shazeer 2020, arXiv:2002.05202, equation 5): (…, 2 M) → (…, M).</summary>
    (Tensor Output, Saved? Saved) SwiGlu(Tensor x, bool save);

    /// <summary>The gradient of x, (…, 2 M), of that of the output, (…, M).</summary>
    Tensor SwiGluBackward(Tensor gradient, Saved saved);

    /// <summary>softmax(Q Kᵀ ÷ √hs) V of whole sequences: queries, keys and values side by side (B, T, (nh + 2 nkv) hs) → (B, T, nh hs).</summary>
    /// <param name="heads">Queries, keys and values.</param>
    /// <param name="shape">The kind of attention; causal where there are documents.</param>
    /// <param name="documents">What a token sees no further than; null: its sequence.</param>
    /// <param name="dropout">Share of the weights dropped.</param>
    /// <param name="save">Whether backward will be run.</param>
    (Tensor Output, Saved? Saved) Attention(Tensor heads, AttentionShape shape, Documents? documents, double dropout, bool save);

    /// <summary>The gradient (B, T, (nh + 2 nkv) hs) of queries, keys and values of that of the output, (B, T, nh hs).</summary>
    Tensor AttentionBackward(Tensor gradient, Saved saved);

    /// <summary>
    /// The same for the last T of S + T tokens, whose keys and values are cached; without a backward step:
    /// (B, nh, T, hs), (B, nkv, S + T, hs) twice → (B, T, nh hs).
    /// </summary>
    Tensor CachedAttention(Tensor queries, Tensor keys, Tensor values, AttentionShape shape);

    /// <summary>
    /// Turns logits into the gradient of scale × the summed loss: (softmax − one-hot) × scale. Logits that are not finite give a loss that is not, either.
    /// </summary>
    /// <param name="logits">(N, Vp), contiguous; columns from <paramref name="ids"/> on are padding and become 0.</param>
    /// <param name="targets">(N) int64.</param>
    /// <param name="ids">V.</param>
    /// <param name="scale">1 ÷ the tokens that the mean is of.</param>
    /// <returns>() fp32: the summed loss, nats.</returns>
    Tensor CrossEntropyInPlace(Tensor logits, Tensor targets, int ids, double scale);

    /// <summary>Adds a weight's gradient of one micro-batch, of the sum's shape.</summary>
    void AddGradient(GradientSum sum, Tensor gradient);

    /// <summary>Adds the rows' gradients to those of the ids that they were looked up for: (Vp, C) fp32, (N) int64, (N, C) fp32.</summary>
    void AddEmbeddingGradient(Tensor sum, Tensor ids, Tensor rows);

    /// <summary>Adam's or AdamW's update of a range of the weights; when skip is 1 nothing changes.</summary>
    /// <param name="step">The update.</param>
    /// <param name="values">The range.</param>
    /// <param name="scale">() fp32: divides the gradient.</param>
    /// <param name="skip">() fp32, 0 or 1.</param>
    /// <returns>Whether the working copy is renewed as well.</returns>
    bool Adam(AdamStep step, AdamValues values, Tensor scale, Tensor skip);

    /// <summary>
    /// The rate that a run's MFU is a share of, FLOP/s, as matrix products of a type have it here and now; null where none is measured: MFU then reads n/a
    /// rather than a wrong number.
    /// </summary>
    double? MatmulPeak(ScalarType type);
}
