using Dtt.Abstractions.Configuration;

namespace Dtt.Abstractions.Models;

/// <summary>What a model costs, before a step of it is run.</summary>
public sealed class ModelArithmetic(ModelConfig model)
{
    /// <summary>All weights, tied ones once.</summary>
    public long Parameters { get; } = ParameterTable.Of(model).Sum(p => p.Count);

    /// <summary>
    /// Floating-point operations of forward and backward for one token: 6 N + 12 L C T, with N the weights that multiply (the position
    /// embedding does not); Chowdhery et al. 2022 (PaLM), appendix B.
    /// </summary>
    public double FlopsPerToken => 6.0 * (Parameters - (long)model.ContextLength * model.ModelDim) + 12.0 * model.NumLayers * model.ModelDim * model.ContextLength;

    /// <summary>Bytes of weights, gradients and optimizer state: fp32 master, gradient and two moments, and with bf16 a working copy and its gradient.</summary>
    public long StateBytes(bool bf16) => Parameters * (16 + (bf16 ? 4 : 0));

    /// <summary>
    /// Bytes of activations of one micro-batch, estimated: per block and token about 14 C + 2 M values (inputs of the norms and matmuls,
    /// queries, keys, values, attention's output, both sides of the GELU), and one chunk of logits in fp32 and in the working type.
    /// </summary>
    public long ActivationBytes(int microBatch, bool bf16, bool checkpointing)
    {
        long tokens = (long)microBatch * model.ContextLength, width = bf16 ? 2 : 4;
        var block = tokens * (14L * model.ModelDim + 2L * model.MlpDim) * width;
        var blocks = checkpointing ? block + tokens * model.ModelDim * width * model.NumLayers : block * model.NumLayers;
        return blocks + Math.Min(tokens, HeadChunkRows) * model.VocabSize * (4 + width);
    }

    /// <summary>Rows of logits that exist at once.</summary>
    public const int HeadChunkRows = 1024;

    /// <summary>Bytes of one checkpoint: weights and two moments in fp32.</summary>
    public long CheckpointBytes => Parameters * 12;
}
