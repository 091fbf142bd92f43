using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Training.Kernels;
using Dtt.Training.Native;
using Dtt.Training.Telemetry;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Model;

/// <summary>
/// A GPT: embeddings, pre-norm blocks of causal self-attention and a feed-forward layer, and a head (Vaswani et al. 2017; Radford et al. 2019; Touvron et al. 2023).
/// B sequences, T tokens, C = <c>d_model</c>, nh heads of hs, M = <c>d_mlp</c>, V ids padded to Vp.
/// Backward runs block by block along their tapes, so a block's activations go as soon as its own backward is done.
/// </summary>
internal sealed class Gpt(ModelConfig config, FlatParameters parameters)
{
    private readonly Embedding _embedding = new(config, parameters);
    private readonly Block[] _blocks = Block.All(config, parameters);
    private readonly Head _head = new(config, parameters);
    private TokenDecoder? _decoder;

    /// <summary>The weights.</summary>
    public FlatParameters Parameters => parameters;

    /// <summary>The model's shape.</summary>
    public ModelConfig Config => config;

    /// <summary>Adds the gradient of <paramref name="scale"/> × the summed loss of one micro-batch to the parameters' gradient.</summary>
    /// <param name="inputs">(B, T) int64.</param>
    /// <param name="targets">(B, T) int64.</param>
    /// <param name="scale">1 ÷ the target tokens of the whole step.</param>
    /// <param name="dropoutSeed">Seed of this micro-batch's dropout masks.</param>
    /// <param name="checkpointing">Whether blocks keep only their input and run again in backward.</param>
    /// <param name="profile">Who times the phases, or null.</param>
    /// <param name="complete">Told the weights of each block once this micro-batch's gradient is added to theirs; null: nobody is.</param>
    /// <returns>() fp32: the summed loss, unscaled.</returns>
    public Tensor ForwardBackward(Tensor inputs, Tensor targets, double scale, ulong dropoutSeed, bool checkpointing = false, StepProfile? profile = null, Action<IReadOnlyList<Tensor>>? complete = null)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Tensor x;
        Tensor? embeddingMask;
        using (profile?.Measure(MetricNames.ForwardSeconds, "embedding")) x = _embedding.Forward(inputs, dropoutSeed, out embeddingMask);
        var tapes = new Tape?[_blocks.Length];
        var kept = new Tensor[_blocks.Length];                                                     // each block's input, (B, T, C)
        for (var i = 0; i < _blocks.Length; i++)
        {
            using var span = profile?.Measure(MetricNames.ForwardSeconds, $"block {i}");
            tapes[i] = checkpointing ? null : new Tape(parameters);
            kept[i] = x;
            x = _blocks[i].Forward(x, Seed(dropoutSeed, i), tapes[i]);
        }

        Tensor loss, gradient;
        using (profile?.Measure(MetricNames.HeadSeconds, "head and loss")) loss = _head.ForwardBackward(x, targets, scale, out gradient);
        for (var i = _blocks.Length - 1; i >= 0; i--)
        {
            using var span = profile?.Measure(MetricNames.BackwardSeconds, $"block {i}");
            x.Dispose();
            x = kept[i];
            using var tape = tapes[i] ?? new Tape(parameters);
            if (checkpointing) _blocks[i].Forward(x, Seed(dropoutSeed, i), tape).Dispose();
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
        if (cache is not null && inputs.numel() == 1 && inputs.device_type == DeviceType.CPU) return Decode(inputs, cache);
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
        var x = _embedding.Lookup(inputs, position);
        for (var i = 0; i < _blocks.Length; i++)
        {
            var y = _blocks[i].Forward(x, null, cache: cache?.Layer(i));
            x.Dispose();
            x = y;
        }

        return x;
    }

    private static ulong Seed(ulong microBatch, int layer) => Mixing.Seed((long)microBatch, layer);
}

/// <summary>Token embedding, and GPT-2's position embedding.</summary>
internal sealed class Embedding(ModelConfig config, FlatParameters p)
{
    private readonly string _tokens = p.First(ParameterRole.Vocabulary)!;
    private readonly string? _positions = p.First(ParameterRole.Position);

    /// <summary>(B, T) → (B, T, C); <paramref name="mask"/> is the dropout mask for backward, or null.</summary>
    public Tensor Forward(Tensor inputs, ulong seed, out Tensor? mask)
    {
        using var noGrad = no_grad();
        var x = Lookup(inputs, 0);
        mask = null;
        if (config.Dropout == 0) return x;
        random.manual_seed((long)seed);
        using var kept = (1 - config.Dropout).ToScalar();
        mask = empty_like(x).bernoulli_(1 - config.Dropout).div_(kept);
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
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        if (mask is not null) gradient = gradient.mul(mask);
        gradient = gradient.to(ScalarType.Float32);                               // (B, T, C)
        p.GradientOf(_tokens).index_add_(0, inputs.reshape(-1), gradient.view(-1, gradient.shape[2]), Number.One);
        if (_positions is not null) p.GradientOf(_positions).narrow(0, 0, gradient.shape[1]).add_(gradient.sum(dim: 0), Number.One);   // named: a bare 0 is also a ScalarType
    }
}

/// <summary>x + attention(norm(x)), then x + mlp(norm(x)); the two halves are the architecture's own.</summary>
internal abstract class Block(ModelConfig config)
{
    /// <summary>The blocks of a model.</summary>
    public static Block[] All(ModelConfig config, FlatParameters p)
    {
        if (config.Architecture != "llama") return [.. Enumerable.Range(0, config.NumLayers).Select(i => new Gpt2Block(config, p, i))];
        var rotary = new Rotary(config, p.Working.dtype, p.Working.device);
        return [.. Enumerable.Range(0, config.NumLayers).Select(i => new LlamaBlock(config, p, i, rotary))];
    }

    /// <summary>The model's shape.</summary>
    protected ModelConfig Config => config;

    /// <summary>The block's weights.</summary>
    public abstract IReadOnlyList<Tensor> Weights { get; }

    /// <summary>(B, T, C) → (B, T, C). With a seed, dropout is on; a tape keeps what backward needs; with a cache, attention also sees the tokens before.</summary>
    public Tensor Forward(Tensor x, ulong? dropoutSeed, Tape? tape = null, LayerCache? cache = null)
    {
        using var scope = NewDisposeScope();
        var dropout = dropoutSeed is null ? 0 : config.Dropout;
        if (dropout > 0) random.manual_seed((long)dropoutSeed!.Value);
        tape ??= Tape.None;
        Tensor Dropped(Tensor y) => dropout == 0 ? y : tape.Of(y, v => Drop(v, dropout));
        x = tape.Residual(x, h => Dropped(Attention(h, tape, dropout, cache)));
        x = tape.Residual(x, h => Dropped(Mlp(h, tape)));
        return x.MoveToOuterDisposeScope();
    }

    /// <summary>(B, T, C) → (B, T, C): attention of the normed input.</summary>
    protected abstract Tensor Attention(Tensor x, Tape tape, double dropout, LayerCache? cache);

    /// <summary>(B, T, C) → (B, T, C): the feed-forward layer of the normed input.</summary>
    protected abstract Tensor Mlp(Tensor x, Tape tape);

    /// <summary>softmax(Q Kᵀ ÷ √hs) V for the last T of S + T tokens: (B, nh, T, hs), (B, nh, S + T, hs) twice → (B, T, C).</summary>
    protected Tensor Attend(Tensor q, Tensor k, Tensor v, double dropout)
    {
        if (Products.Widens(q)) return Attend(Products.Operand(q), Products.Operand(k), Products.Operand(v), dropout).to(q.dtype);
        var (t, past) = (q.shape[2], k.shape[2] - q.shape[2]);                                     // S
        var y = config.FlashAttention && !ProductsAreFaster(k) && (!config.Causal || past == 0 || t == 1)     // the kernel's mask counts from the first key
            ? F.scaled_dot_product_attention(q, k, v, p: dropout, is_casual: config.Causal && past == 0)   // one new token sees everything
            : SpelledOut(q, k, v, dropout, past);
        return y.transpose(1, 2).reshape(q.shape[0], t, config.ModelDim);                          // (B, nh, T, hs) -> (B, T, C)
    }

    /// <summary>Whether <see cref="Tape.ShortAttention"/> is the fastest way of attention (measured: docs/log.md).</summary>
    /// <param name="x">(B, T, …).</param>
    /// <param name="dropout">Of attention's weights.</param>
    /// <param name="cache">Where the tokens before are.</param>
    protected bool TakesShortAttention(Tensor x, double dropout, LayerCache? cache) =>
        x.device_type == DeviceType.CPU && dropout == 0 && cache is null && (x.shape[1] <= ModelArithmetic.ShortContext || !config.FlashAttention);

    /// <summary>Whether torch's fused kernel on a CPU is slower than plain products: in bf16 with few keys (measured: docs/log.md).</summary>
    private static bool ProductsAreFaster(Tensor k) => k.device_type == DeviceType.CPU && k.dtype == ScalarType.BFloat16 && k.shape[2] <= ModelArithmetic.ShortContext;

    private Tensor SpelledOut(Tensor q, Tensor k, Tensor v, double dropout, long past)
    {
        using var scale = (1 / Math.Sqrt(q.shape[3])).ToScalar();
        var scores = q.mul(scale).matmul(k.transpose(-2, -1));                                     // (B, nh, T, S + T)
        if (config.Causal)
        {
            var future = full_like(scores[0, 0], Number.NegativeInfinity).triu_(past + 1);         // (T, S + T)
            scores = scores.add_(future, Number.One);
        }

        return Drop(scores.softmax(-1), dropout).matmul(v);
    }

    private static Tensor Drop(Tensor x, double dropout) => dropout == 0 ? x : F.dropout(x, dropout, training: true);
}

/// <summary>GPT-2's block, and the Python DTT's, which has no query/key/value bias and the exact GELU.</summary>
internal sealed class Gpt2Block : Block
{
    private readonly Tensor _norm1, _norm1Bias, _qkv, _out, _outBias, _norm2, _norm2Bias, _up, _upBias, _down, _downBias;
    private readonly Tensor? _qkvBias;
    private readonly bool _tanhGelu;

    public Gpt2Block(ModelConfig config, FlatParameters p, int layer) : base(config)
    {
        var h = $"transformer.h.{layer}.";
        (_norm1, _norm1Bias) = (p[h + "ln_1.weight"], p[h + "ln_1.bias"]);
        (_qkv, _qkvBias) = (p[h + "attn.c_attn.weight"], p.Has(h + "attn.c_attn.bias") ? p[h + "attn.c_attn.bias"] : null);
        (_out, _outBias) = (p[h + "attn.c_proj.weight"], p[h + "attn.c_proj.bias"]);
        (_norm2, _norm2Bias) = (p[h + "ln_2.weight"], p[h + "ln_2.bias"]);
        (_up, _upBias) = (p[h + "mlp.c_fc.weight"], p[h + "mlp.c_fc.bias"]);
        (_down, _downBias) = (p[h + "mlp.c_proj.weight"], p[h + "mlp.c_proj.bias"]);
        _tanhGelu = config.Architecture == "gpt2";
    }

    public override IReadOnlyList<Tensor> Weights => [_norm1, _norm1Bias, _qkv, .. _qkvBias is null ? Array.Empty<Tensor>() : [_qkvBias], _out, _outBias, _norm2, _norm2Bias, _up, _upBias, _down, _downBias];

    protected override Tensor Attention(Tensor x, Tape tape, double dropout, LayerCache? cache)
    {
        x = tape.LayerNorm(x, _norm1, _norm1Bias, Config.NormEpsilon);
        x = tape.Linear(x, _qkv, _qkvBias);                                                         // (B, T, C) -> (B, T, 3C)
        if (TakesShortAttention(x, dropout, cache)) return tape.Linear(tape.ShortAttention(x, Config.NumHeads, Config.NumHeads, Config.Causal), _out, _outBias);
        x = tape.Of(x, h =>
        {
            var qkv = h.view(h.shape[0], h.shape[1], 3, Config.NumHeads, Config.HeadDim).permute(2, 0, 3, 1, 4);   // (B, T, 3C) -> (3, B, nh, T, hs)
            var (q, k, v) = (qkv.select(0, 0), qkv.select(0, 1), qkv.select(0, 2));                // (B, nh, T, hs) each
            if (cache is not null) (k, v) = cache.Append(k, v);                                    // (B, nh, S + T, hs)
            return Attend(q, k, v, dropout);
        });
        return tape.Linear(x, _out, _outBias);
    }

    protected override Tensor Mlp(Tensor x, Tape tape)
    {
        x = tape.LayerNorm(x, _norm2, _norm2Bias, Config.NormEpsilon);
        x = tape.Linear(x, _up, _upBias);                                                           // (B, T, C) -> (B, T, M)
        x = _tanhGelu ? tape.TanhGelu(x) : tape.Of(x, h => F.gelu(h));
        return tape.Linear(x, _down, _downBias);                                                    // (B, T, M) -> (B, T, C)
    }
}

/// <summary>
/// The final norm (where there is one), the head and the cross-entropy. Loss and gradients are computed by hand, a chunk of rows at a time, so that the
/// logits never exist all at once.
/// </summary>
internal sealed class Head(ModelConfig config, FlatParameters p)
{
    private readonly string _weight = p.Last(ParameterRole.Vocabulary, dimensions: 2)!;
    private readonly string? _bias = p.Last(ParameterRole.Vocabulary, dimensions: 1);
    private readonly Tensor? _gain = p.Has("transformer.ln_f.weight") ? p["transformer.ln_f.weight"] : p.Has("model.norm.weight") ? p["model.norm.weight"] : null;
    private readonly Tensor? _gainBias = p.Has("transformer.ln_f.bias") ? p["transformer.ln_f.bias"] : null;

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
        var (rows, ids) = (Normalize(x, Tape.None).view(-1, config.ModelDim), targets.reshape(-1, 1));
        var losses = empty(rows.shape[0], 1, dtype: ScalarType.Float32, device: rows.device);
        for (long start = 0; start < rows.shape[0]; start += ModelArithmetic.HeadChunkRows)
        {
            using var scope = NewDisposeScope();
            var n = Math.Min(ModelArithmetic.HeadChunkRows, rows.shape[0] - start);
            var logits = Products.Linear(rows.narrow(0, start, n), p[_weight], _bias is null ? null : p[_bias]).narrow(1, 0, config.VocabSize);   // (n, V)
            losses.narrow(0, start, n).copy_(logits.log_softmax(1, ScalarType.Float32).gather(1, ids.narrow(0, start, n)).neg_());
        }

        return losses.view(targets.shape);
    }

    /// <summary>(…, C) → (…, V) fp32.</summary>
    public Tensor Logits(Tensor x)
    {
        using var scope = NewDisposeScope();
        var logits = Products.Linear(Normalize(x, Tape.None).reshape(-1, config.ModelDim), p[_weight], _bias is null ? null : p[_bias]);
        return logits.view([.. x.shape[..^1], -1]).narrow(-1, 0, config.VocabSize).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    private Tensor Normalize(Tensor x, Tape tape) =>
        _gain is null ? x : _gainBias is null ? tape.RmsNorm(x, _gain, config.NormEpsilon) : tape.LayerNorm(x, _gain, _gainBias, config.NormEpsilon);

    /// <summary>Cross-entropy () of rows (N, C) against targets (N), and all gradients of scale × that, chunk by chunk.</summary>
    private Tensor Chunks(Tensor rows, Tensor targets, double scale, out Tensor gradient)
    {
        var loss = zeros([], dtype: ScalarType.Float32, device: rows.device);
        gradient = empty_like(rows);
        for (long start = 0; start < rows.shape[0]; start += ModelArithmetic.HeadChunkRows)
        {
            using var scope = NewDisposeScope();
            var n = Math.Min(ModelArithmetic.HeadChunkRows, rows.shape[0] - start);
            var h = rows.narrow(0, start, n);                                                      // (n, C)
            var logits = Products.Linear(h, p[_weight], _bias is null ? null : p[_bias]);              // (n, C) (Vp, C) -> (n, Vp)

            // d loss / d logits = softmax − one-hot; a padded id has probability 0 and so no gradient.
            loss.add_(CrossEntropy.InPlace(logits, targets.narrow(0, start, n), config.VocabSize, scale), Number.One);
            var d = Products.Operand(logits);                                                      // (n, Vp), now d loss / d logits
            gradient.narrow(0, start, n).copy_(Products.Linear(d, p[_weight].t()));                 // (n, Vp) (Vp, C) -> (n, C)
            p.AddProduct(p[_weight], d.t(), Products.Operand(h));                                  // (Vp, n) (n, C) -> (Vp, C)
            if (_bias is not null) p.AddRows(p[_bias], d);
        }

        return loss;
    }
}
