using Dtt.Core.Configuration;

namespace Dtt.Core.Models;

/// <summary>What a model costs, before a step of it is run.</summary>
public sealed class ModelArithmetic
{
    private const int MostGpuHeadRows = 8192;
    private const long MostGpuLogits = 1L << 29;
    private readonly ModelConfig _model;
    private readonly long _hidden;

    /// <summary>The arithmetic of a model.</summary>
    public ModelArithmetic(ModelConfig model)
    {
        _model = model;
        var table = ParameterTable.Of(model);
        Parameters = table.Sum(p => p.Count);
        _hidden = table.Where(p => p.Role == ParameterRole.Hidden).Sum(p => p.Count);

        // Embeddings are looked up; a tied one multiplies in the head.
        var lookedUp = (table.Positions?.Count ?? 0) + (model.TieEmbeddings ? 0 : table.Tokens.Count);
        FlopsPerToken = 6.0 * (Parameters - lookedUp) + 12.0 * model.NumLayers * model.NumHeads * model.HeadDim * model.ContextLength;
    }

    /// <summary>All weights, tied ones once.</summary>
    public long Parameters { get; }

    /// <summary>
    /// Floating-point operations of forward and backward for one token: 6 N + 12 L nh hs T, with N the weights that multiply; Chowdhery et al. 2022 (PaLM),
    /// appendix B.
    /// </summary>
    public double FlopsPerToken { get; }

    /// <summary>Bytes of weights, gradients and optimizer state: fp32 master, gradient and moments, and with bf16 a working copy.</summary>
    public long StateBytes(string optimizer, bool bf16) => Parameters * (8 + (bf16 ? 2 : 0)) + MomentBytes(optimizer);

    /// <summary>
    /// Bytes of an optimizer's state, fp32: Adam's two moments, SGD's one; Muon has one for the blocks' matrices and Adam's two for the rest.
    /// </summary>
    public long MomentBytes(string optimizer) => 4 * (optimizer switch
    {
        "sgd" => Parameters,
        "muon" => 2 * Parameters - _hidden,
        "adamw" or "adam" => 2 * Parameters,
        _ => throw new ArgumentException($"the state of an optimizer '{optimizer}' is not known.", nameof(optimizer)),
    });

    /// <summary>
    /// Bytes of activations of one micro-batch, estimated: per block and token about 10 C (on a GPU with learned positions 6 C) + 4 nh hs + 2 M values (inputs
    /// of the norms and matmuls, queries, keys, values, attention's output, both sides of the GELU; a gated layer has 4 M; and attention's weights where they
    /// are saved, counted in fp32, with dropout three times: as they are, what drops, and what is left), and one chunk of logits in fp32 and in the working
    /// type, on a GPU the more of those of training, in the working type alone, and of validation; with a document mask also T bytes and T values, where
    /// attention takes a mask.
    /// </summary>
    public long ActivationBytes(int microBatch, bool bf16, bool checkpointing, bool onCpu)
    {
        double tokens = (double)microBatch * _model.ContextLength, width = bf16 ? 2 : 4; // a shape that no machine has must not wrap around
        var weights = (double)_model.NumHeads * WeightsOfAToken(onCpu);
        var widths = onCpu || _model.Spec.Positions == PositionKind.Rotary ? 10.0 : 6.0;
        var values = widths * _model.ModelDim + 4.0 * _model.NumHeads * _model.HeadDim + (_model.Spec.IsGated ? 4.0 : 2.0) * _model.MlpDim;
        var block = tokens * values * width + tokens * weights * (_model.Dropout > 0 ? 12 : 4);
        var blocks = checkpointing ? block + tokens * _model.ModelDim * width * _model.NumLayers : block * _model.NumLayers;
        if (_model.DocumentMask) blocks += tokens * _model.ContextLength * (1 + width);
        var logits = Math.Min(tokens, HeadChunkRows) * (4 + width);
        if (!onCpu) logits = Math.Max(logits + Math.Min(tokens, HeadChunkRows) * 4, Math.Min(tokens, HeadRows(_model.VocabSize, onCpu: false)) * width);
        var most = blocks + logits * _model.VocabSize;
        if (!onCpu) most = Math.Max(most, 4.0 * _model.ModelDim * (_model.VocabSize + tokens));    // the embeddings' gradient, when all else is done
        return (long)Math.Min(most, 1e18);
    }

    /// <summary>
    /// Weights that a token's query in one head saves for backward, at most: all where attention is spelled out, as torch does with dropout on a CPU; else on a
    /// CPU those of a sequence, or with a mask of each document, that is short.
    /// </summary>
    private int WeightsOfAToken(bool onCpu)
    {
        var longest = !_model.FlashAttention || (onCpu && _model.Dropout > 0) ? int.MaxValue : onCpu ? ShortContext : 0;
        return _model.ContextLength <= longest || _model.DocumentMask ? Math.Min(_model.ContextLength, longest) : 0;
    }

    /// <summary>Tokens up to which attention on a CPU keeps its weights, instead of torch's fused kernel that does not: it is faster.</summary>
    public const int ShortContext = 512;

    /// <summary>Rows of logits that exist at once, but for training on a GPU.</summary>
    public const int HeadChunkRows = 1024;

    /// <summary>
    /// Rows of logits that exist at once in training: on a GPU, where they take no copies and larger products are faster, more, as long as they are few bytes.
    /// </summary>
    public static int HeadRows(int vocabSize, bool onCpu)
    {
        var rows = HeadChunkRows;
        while (!onCpu && rows < MostGpuHeadRows && (long)rows * 2 * vocabSize <= MostGpuLogits) rows *= 2;
        return rows;
    }

    /// <summary>Bytes of one checkpoint: weights and optimizer state in fp32.</summary>
    public long CheckpointBytes(string optimizer) => Parameters * 4 + MomentBytes(optimizer);
}
