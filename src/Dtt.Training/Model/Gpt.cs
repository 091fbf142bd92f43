using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Training.Data;
using Dtt.Training.Kernels;
using Dtt.Training.Native;
using Dtt.Training.Telemetry;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Model;

/// <summary>
/// A GPT: embeddings, pre-norm blocks of causal self-attention and a feed-forward layer, and a head (Vaswani et al. 2017; Radford et al. 2019;
/// Touvron et al. 2023). Which norm, activation, positions and biases they have says the model's <see cref="ArchitectureSpec"/>.
/// B sequences, T tokens, C = <c>d_model</c>, nh heads of hs, nkv of them with keys and values, M = <c>d_mlp</c>, V ids padded to Vp.
/// Backward runs block by block along their tapes, so a block's activations are freed as soon as its own backward is done.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="parameters">The weights.</param>
/// <param name="endOfText">The id that a document begins with: what <see cref="ModelConfig.DocumentMask"/> needs.</param>
internal sealed class Gpt(ModelConfig config, FlatParameters parameters, int? endOfText = null)
{
    private readonly Embedding _embedding = new(config, parameters);
    private readonly Block[] _blocks = Block.All(config, parameters);
    private readonly Head _head = new(config, parameters);
    private readonly Tape _inference = new(parameters, save: false);
    private TokenDecoder? _decoder;

    /// <summary>The weights.</summary>
    public FlatParameters Parameters => parameters;

    /// <summary>The model's shape.</summary>
    public ModelConfig Config => config;

    /// <summary>Adds the gradient of a micro-batch's scaled summed loss to the parameters' gradient.</summary>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="checkpointing">Whether blocks save only their input and run again in backward.</param>
    /// <param name="profile">Who times the phases, or null.</param>
    /// <param name="complete">Told the weights of each block once this micro-batch's gradient is added to theirs; null: nobody is.</param>
    /// <returns>() fp32: the summed loss, unscaled.</returns>
    public Tensor ForwardBackward(MicroBatch batch, bool checkpointing = false, StepProfile? profile = null, Action<IReadOnlyList<Tensor>>? complete = null)
    {
        var (inputs, targets, scale, dropoutSeed) = batch;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        using var documents = DocumentsOf(inputs);
        Tensor x;
        Tensor? embeddingMask;
        using (profile?.Measure(MetricNames.ForwardSeconds, "embedding")) x = _embedding.Forward(inputs, dropoutSeed, out embeddingMask);
        var tapes = new Tape?[_blocks.Length];
        var saved = new Tensor[_blocks.Length];                                                     // each block's input, (B, T, C)
        for (var i = 0; i < _blocks.Length; i++)
        {
            using var span = profile?.Measure(MetricNames.ForwardSeconds, $"block {i}");
            tapes[i] = checkpointing ? null : new Tape(parameters);
            saved[i] = x;
            x = _blocks[i].Forward(x, documents, Seed(dropoutSeed, i), tapes[i] ?? _inference);
        }

        Tensor loss, gradient;
        using (profile?.Measure(MetricNames.HeadSeconds, "head and loss")) loss = _head.ForwardBackward(x, targets, scale, out gradient);
        for (var i = _blocks.Length - 1; i >= 0; i--)
        {
            using var span = profile?.Measure(MetricNames.BackwardSeconds, $"block {i}");
            x.Dispose();
            x = saved[i];
            using var tape = tapes[i] ?? new Tape(parameters);
            if (checkpointing) _blocks[i].Forward(x, documents, Seed(dropoutSeed, i), tape).Dispose();
            var before = tape.Backward(gradient);
            gradient.Dispose();
            gradient = before;
            complete?.Invoke(_blocks[i].Weights);
        }

        using (profile?.Measure(MetricNames.BackwardSeconds, "embedding")) _embedding.Backward(inputs, gradient, embeddingMask);
        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>(B, T) fp32: the loss of every target, nats, without gradients or dropout.</summary>
    public Tensor TokenLosses(Tensor inputs, Tensor targets)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return _head.TokenLosses(Hidden(inputs, 0, null), targets).MoveToOuterDisposeScope();
    }

    /// <summary>() fp32: the summed loss of a batch, without gradients or dropout.</summary>
    public Tensor Loss(Tensor inputs, Tensor targets)
    {
        using var losses = TokenLosses(inputs, targets);
        return losses.sum();
    }

    /// <summary>(B, V) fp32: the logits after the last token.</summary>
    /// <param name="inputs">(B, T) int64: tokens that follow what the cache holds.</param>
    /// <param name="cache">Keys and values of the tokens before, or null; grows by T.</param>
    public Tensor NextLogits(Tensor inputs, KeyValueCache? cache)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        if (cache is not null && inputs.numel() == 1 && parameters.Kernels.DecodesOnHost) return Decode(inputs, cache);
        var hidden = Hidden(inputs, cache?.Length ?? 0, cache);
        cache?.Advance(inputs.shape[1]);
        return _head.Logits(hidden.select(1, hidden.shape[1] - 1)).MoveToOuterDisposeScope();
    }

    /// <summary>(B, T, V) fp32: the logits after every token, for comparisons with other implementations.</summary>
    public Tensor AllLogits(Tensor inputs)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return _head.Logits(Hidden(inputs, 0, null)).MoveToOuterDisposeScope();
    }

    private Tensor Decode(Tensor input, KeyValueCache cache)
    {
        var logits = new float[config.VocabSize];
        (_decoder ??= new TokenDecoder(config, parameters)).Next(input.data<long>()[0], cache, logits);
        return tensor(logits, [1, logits.Length]).MoveToOuterDisposeScope();
    }

    private Tensor Hidden(Tensor inputs, long position, KeyValueCache? cache)
    {
        using var documents = cache is null ? DocumentsOf(inputs) : null;                          // what is sampled is one document
        var x = _embedding.Lookup(inputs, position);
        for (var i = 0; i < _blocks.Length; i++)
        {
            var y = _blocks[i].Forward(x, documents, null, _inference, cache?.Layer(i));
            x.Dispose();
            x = y;
        }

        return x;
    }

    private Documents? DocumentsOf(Tensor inputs) => !config.DocumentMask ? null
        : new Documents(inputs, endOfText ?? throw new InvalidOperationException("a model with a document mask needs the end-of-text id"));

    private static ulong Seed(ulong microBatch, int layer) => Mixing.Seed((long)microBatch, layer);
}

/// <summary>Token embedding, and the position embedding where positions are learned.</summary>
internal sealed class Embedding(ModelConfig config, FlatParameters p)
{
    private readonly string _tokens = p.Table.Tokens.Name;
    private readonly string? _positions = p.Table.Positions?.Name;

    /// <summary>(B, T) → (B, T, C); <paramref name="mask"/> is the dropout mask for backward, or null.</summary>
    public Tensor Forward(Tensor inputs, ulong seed, out Tensor? mask)
    {
        var x = Lookup(inputs, 0);
        mask = null;
        if (config.Dropout == 0) return x;
        Seeds.Set(x.device, seed);
        using var share = (1 - config.Dropout).ToScalar();
        mask = empty_like(x).bernoulli_(1 - config.Dropout).div_(share);
        return x.mul_(mask);
    }

    /// <summary>(B, T) → (B, T, C), the first token standing at <paramref name="position"/>.</summary>
    public Tensor Lookup(Tensor inputs, long position)
    {
        var (b, t) = (inputs.shape[0], inputs.shape[1]);
        var x = p[_tokens].index_select(0, inputs.reshape(-1)).view(b, t, -1);    // (B, T, C)
        return _positions is null ? x : x.add_(p[_positions].narrow(0, position, t), Number.One);   // + (T, C)
    }

    /// <summary>Adds the gradients of both tables, in fp32: frequent tokens sum many rows.</summary>
    public void Backward(Tensor inputs, Tensor gradient, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        if (mask is not null) gradient = gradient.mul(mask);
        gradient = gradient.to(ScalarType.Float32);                               // (B, T, C)
        p.Kernels.AddEmbeddingGradient(p.GradientOf(_tokens), inputs.reshape(-1), gradient.view(-1, gradient.shape[2]));
        if (_positions is null) return;
        var perPosition = gradient.sum(dim: 0);                                   // (T, C); named: a bare 0 is also a ScalarType
        p.GradientOf(_positions).narrow(0, 0, gradient.shape[1]).add_(perPosition, Number.One);
    }
}

/// <summary>A linear layer, x Wᵀ + b, and its weights.</summary>
internal sealed class Linear(FlatParameters p, LayerSpec weights)
{
    private readonly Tensor _weight = p[weights.Weight.Name];
    private readonly Tensor? _bias = weights.Bias is { } bias ? p[bias.Name] : null;

    /// <summary>(…, in) → (…, out).</summary>
    public Tensor Forward(Tensor x, Tape tape) => tape.Linear(x, _weight, _bias);
}

/// <summary>LayerNorm, or RMSNorm, which has no bias, over the last dimension.</summary>
internal sealed class Norm(ModelConfig config, FlatParameters p, LayerSpec weights)
{
    private readonly Tensor _gain = p[weights.Weight.Name];
    private readonly Tensor? _bias = weights.Bias is { } bias ? p[bias.Name] : null;

    /// <summary>(…, C) → (…, C).</summary>
    public Tensor Forward(Tensor x, Tape tape) =>
        tape.Norm(x, _gain, _bias, config.NormEpsilon);
}

/// <summary>x + attention(norm(x)), then x + mlp(norm(x)).</summary>
internal sealed class Block(ModelConfig config, FlatParameters p, BlockSpec weights, Rotary? rotary)
{
    private readonly Norm _norm1 = new(config, p, weights.Norm1), _norm2 = new(config, p, weights.Norm2);
    private readonly Linear _qkv = new(p, weights.Qkv), _out = new(p, weights.Out), _up = new(p, weights.Up), _down = new(p, weights.Down);
    private readonly Norm? _queryNorm = weights.QueryNorm is { } q ? new(config, p, q) : null;
    private readonly Norm? _keyNorm = weights.KeyNorm is { } k ? new(config, p, k) : null;

    /// <summary>The blocks of a model.</summary>
    public static Block[] All(ModelConfig config, FlatParameters p)
    {
        var rotary = config.Spec.Positions == PositionKind.Rotary ? new Rotary(config, p.Working.dtype, p.Working.device) : null;
        return [.. p.Table.Blocks.Select(weights => new Block(config, p, weights, rotary))];
    }

    /// <summary>The block's weights.</summary>
    public IReadOnlyList<Tensor> Weights { get; } = [.. weights.Weights.Select(w => p[w.Name])];

    /// <summary>
    /// (B, T, C) → (B, T, C). With documents, attention stays within them; with a seed, dropout is on; the tape saves what backward needs; with a cache,
    /// attention sees earlier tokens, too.
    /// </summary>
    public Tensor Forward(Tensor x, Documents? documents, ulong? dropoutSeed, Tape tape, LayerCache? cache = null)
    {
        using var scope = NewDisposeScope();
        var dropout = dropoutSeed is null ? 0 : config.Dropout;
        if (dropout > 0) Seeds.Set(x.device, dropoutSeed!.Value);
        Tensor Dropped(Tensor y) => dropout == 0 ? y : tape.Of(y, v => F.dropout(v, dropout, training: true));
        x = tape.Residual(x, h => Dropped(Attention(_norm1.Forward(h, tape), documents, tape, dropout, cache)));
        x = tape.Residual(x, h => Dropped(Mlp(_norm2.Forward(h, tape), tape)));
        return x.MoveToOuterDisposeScope();
    }

    /// <summary>(B, T, C) → (B, T, C).</summary>
    private Tensor Attention(Tensor x, Documents? documents, Tape tape, double dropout, LayerCache? cache)
    {
        x = _qkv.Forward(x, tape);                                                                 // (B, T, C) -> (B, T, (nh + 2 nkv) hs)
        if (_queryNorm is not null) x = NormHeads(x, tape);
        if (rotary is not null) x = tape.Of(x, h => Rotated(h, cache?.Length ?? 0));
        x = Attend(x, documents, tape, dropout, cache);                                            // (B, T, (nh + 2 nkv) hs) -> (B, T, nh hs)
        return _out.Forward(x, tape);                                                              // (B, T, nh hs) -> (B, T, C)
    }

    /// <summary>(B, T, C) → (B, T, C).</summary>
    private Tensor Mlp(Tensor x, Tape tape)
    {
        x = _up.Forward(x, tape);                                                                  // (B, T, C) -> (B, T, M), gated 2 M
        x = config.Spec.Activation switch
        {
            ActivationKind.TanhGelu => tape.TanhGelu(x),
            ActivationKind.Gelu => tape.Of(x, h => F.gelu(h)),
            ActivationKind.SwiGlu => tape.SwiGlu(x),                                               // (B, T, 2 M) -> (B, T, M)
            var other => throw new NotSupportedException($"{other}"),
        };
        return _down.Forward(x, tape);                                                             // (B, T, M) -> (B, T, C)
    }

    /// <summary>(B, T, (nh + 2 nkv) hs) → (B, T, nh hs): attention within the sequence or its documents, or after what the cache holds.</summary>
    private Tensor Attend(Tensor heads, Documents? documents, Tape tape, double dropout, LayerCache? cache)
    {
        var shape = new AttentionShape(config.NumHeads, config.NumKvHeads, config.Causal, config.FlashAttention);
        if (cache is null) return tape.Attention(heads, shape, documents, dropout);
        var parts = EachHead(heads).split([config.NumHeads, config.NumKvHeads, config.NumKvHeads], 1);
        var (k, v) = cache.Append(parts[1], parts[2]);                                             // (1, nkv, S + T, hs)
        return p.Kernels.CachedAttention(parts[0], k, v, shape);
    }

    /// <summary>(B, T, (nh + 2 nkv) hs) → the same, queries and keys rotated.</summary>
    private Tensor Rotated(Tensor heads, long position)
    {
        var parts = EachHead(heads).split([config.NumHeads + config.NumKvHeads, config.NumKvHeads], 1);
        return cat([rotary!.Rotate(parts[0], position), parts[1]], 1).transpose(1, 2).reshape(heads.shape);
    }

    /// <summary>(B, T, (nh + 2 nkv) hs) → (B, nh + 2 nkv, T, hs).</summary>
    private Tensor EachHead(Tensor heads) => heads.view(heads.shape[0], heads.shape[1], -1, config.HeadDim).transpose(1, 2);

    /// <summary>(B, T, (nh + 2 nkv) hs) → the same, each head of queries and keys normed.</summary>
    private Tensor NormHeads(Tensor qkv, Tape tape)
    {
        var (b, t, hs, nh, nkv) = (qkv.shape[0], qkv.shape[1], config.HeadDim, config.NumHeads, config.NumKvHeads);
        Tensor Normed(Tensor x, Norm norm) => tape.View(norm.Forward(tape.View(x, b, t, -1, hs), tape), b, t, -1);   // in between (B, T, heads, hs)
        return tape.Parts(qkv, [(nh * hs, q => Normed(q, _queryNorm!)), (nkv * hs, k => Normed(k, _keyNorm!)), (nkv * hs, null)]);
    }
}

/// <summary>
/// The final norm (where there is one), the head and the cross-entropy. Loss and gradients are computed by hand, a chunk of rows at a time, so that the
/// logits never exist all at once.
/// </summary>
internal sealed class Head(ModelConfig config, FlatParameters p)
{
    private readonly Norm? _norm = p.Table.FinalNorm is { } norm ? new(config, p, norm) : null;
    private readonly Tensor _weight = p[p.Table.Head.Weight.Name];
    private readonly Tensor? _bias = p.Table.Head.Bias is { } bias ? p[bias.Name] : null;
    private readonly Tape _inference = new(p, save: false);

    /// <summary>Summed loss (), and the gradient of scale × loss with respect to <paramref name="x"/> (B, T, C).</summary>
    public Tensor ForwardBackward(Tensor x, Tensor targets, double scale, out Tensor gradient)
    {
        using var scope = NewDisposeScope();
        using var tape = new Tape(p);
        var loss = Chunks(Normalize(x, tape).view(-1, config.ModelDim), targets.reshape(-1), scale, out var dNormed);
        gradient = tape.Backward(dNormed.view(x.shape)).MoveToOuterDisposeScope();
        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>The loss of every target (B, T) fp32, of hidden states (B, T, C).</summary>
    public Tensor TokenLosses(Tensor x, Tensor targets)
    {
        var (rows, ids) = (Normalize(x, _inference).view(-1, config.ModelDim), targets.reshape(-1, 1));
        var losses = empty(rows.shape[0], 1, dtype: ScalarType.Float32, device: rows.device);
        for (long start = 0; start < rows.shape[0]; start += ModelArithmetic.HeadChunkRows)
        {
            using var scope = NewDisposeScope();
            var n = Math.Min(ModelArithmetic.HeadChunkRows, rows.shape[0] - start);
            var logits = p.Kernels.Linear(rows.narrow(0, start, n), _weight, _bias).narrow(1, 0, config.VocabSize);   // (n, V)
            losses.narrow(0, start, n).copy_(logits.log_softmax(1, ScalarType.Float32).gather(1, ids.narrow(0, start, n)).neg_());
        }

        return losses.view(targets.shape);
    }

    /// <summary>(…, C) → (…, V) fp32.</summary>
    public Tensor Logits(Tensor x)
    {
        using var scope = NewDisposeScope();
        var logits = p.Kernels.Linear(Normalize(x, _inference).reshape(-1, config.ModelDim), _weight, _bias);
        return logits.view([.. x.shape[..^1], -1]).narrow(-1, 0, config.VocabSize).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    private Tensor Normalize(Tensor x, Tape tape) => _norm?.Forward(x, tape) ?? x;

    /// <summary>Cross-entropy () of rows (N, C) against targets (N), and all gradients of scale × that, chunk by chunk.</summary>
    private Tensor Chunks(Tensor rows, Tensor targets, double scale, out Tensor gradient)
    {
        var loss = zeros([], dtype: ScalarType.Float32, device: rows.device);
        gradient = empty_like(rows);
        var most = p.Kernels.HeadRows(config.VocabSize);
        for (long start = 0; start < rows.shape[0]; start += most)
        {
            using var scope = NewDisposeScope();
            var n = Math.Min(most, rows.shape[0] - start);
            var h = rows.narrow(0, start, n);                                                      // (n, C)
            var logits = p.Kernels.Linear(h, _weight, _bias);                                      // (n, C) (Vp, C) -> (n, Vp)

            // d loss / d logits = softmax − one-hot; a padded id has probability 0 and so no gradient.
            loss.add_(p.Kernels.CrossEntropyInPlace(logits, targets.narrow(0, start, n), config.VocabSize, scale), Number.One);
            var d = p.Kernels.LinearBackward(logits, h, _weight, p.SumOf(_weight), _bias is null ? null : p.SumOf(_bias));
            gradient.narrow(0, start, n).copy_(d);                                                 // (n, Vp) -> (n, C)
        }

        return loss;
    }
}
