using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Models;
using Dtt.Data.Order;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Model;

/// <summary>
/// A GPT: token and position embeddings, pre-norm blocks of causal self-attention and a feed-forward layer, and a head tied to the token
/// embedding (Vaswani et al. 2017; Radford et al. 2019). B sequences, T tokens, C = <c>d_model</c>, nh heads of hs, M = <c>d_mlp</c>, V ids padded to Vp.
/// Backward runs by segments: every block sees a detached input, so its activations go as soon as its own backward is done.
/// </summary>
internal sealed class Gpt(ModelConfig config, FlatParameters parameters)
{
    private readonly Embedding _embedding = new(config, parameters);
    private readonly Block[] _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(i => new Block(config, parameters, i))];
    private readonly Head _head = new(config, parameters);

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
    /// <returns>() fp32: the summed loss, unscaled.</returns>
    public Tensor ForwardBackward(Tensor inputs, Tensor targets, double scale, ulong dropoutSeed, bool checkpointing = false)
    {
        using var scope = NewDisposeScope();
        var x = _embedding.Forward(inputs, dropoutSeed, out var embeddingMask);
        var segments = new (Tensor Input, Tensor? Output)[_blocks.Length];
        for (var i = 0; i < _blocks.Length; i++)
        {
            var input = x.detach();
            if (checkpointing)
            {
                using var noGrad = no_grad();
                (segments[i], x) = ((input, null), _blocks[i].Forward(input, Seed(dropoutSeed, i)));
            }
            else
            {
                input.requires_grad = true;
                x = _blocks[i].Forward(input, Seed(dropoutSeed, i));
                segments[i] = (input, x);
            }
        }

        var loss = _head.ForwardBackward(x.detach(), targets, scale, out var gradient);
        for (var i = _blocks.Length - 1; i >= 0; i--)
        {
            var (input, output) = segments[i];
            if (output is null)
            {
                input.requires_grad = true;
                output = _blocks[i].Forward(input, Seed(dropoutSeed, i));
            }

            autograd.backward([output], [gradient]);
            gradient.Dispose();
            gradient = input.grad!;
            output.Dispose();
            input.Dispose();
        }

        _embedding.Backward(inputs, gradient, embeddingMask);
        parameters.GatherGradient();
        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>() fp32: the summed loss of a batch, without gradients or dropout.</summary>
    public Tensor Loss(Tensor inputs, Tensor targets)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return _head.Loss(Hidden(inputs, 0, null), targets).MoveToOuterDisposeScope();
    }

    /// <summary>(B, V) fp32: the logits after the last token.</summary>
    /// <param name="inputs">(B, T) int64: tokens that follow what the cache holds.</param>
    /// <param name="cache">Keys and values of the tokens before, or null; grows by T.</param>
    public Tensor NextLogits(Tensor inputs, KeyValueCache? cache)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
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

    private Tensor Hidden(Tensor inputs, long position, KeyValueCache? cache)
    {
        var x = _embedding.Lookup(inputs, position);
        for (var i = 0; i < _blocks.Length; i++)
        {
            var y = _blocks[i].Forward(x, null, cache?.Layer(i));
            x.Dispose();
            x = y;
        }

        return x;
    }

    private static ulong Seed(ulong microBatch, int layer) => Mixing.Seed((long)microBatch, layer);
}

/// <summary>Token embedding + position embedding.</summary>
internal sealed class Embedding(ModelConfig config, FlatParameters p)
{
    private const string Tokens = "transformer.wte.weight", Positions = "transformer.wpe.weight";

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
        var x = p[Tokens].index_select(0, inputs.reshape(-1)).view(b, t, -1);    // (B, T, C)
        return x.add_(p[Positions].narrow(0, position, t), Number.One);          // + (T, C)
    }

    /// <summary>Adds the gradients of both tables, in fp32: frequent tokens sum many rows.</summary>
    public void Backward(Tensor inputs, Tensor gradient, Tensor? mask)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        if (mask is not null) gradient = gradient.mul(mask);
        gradient = gradient.to(ScalarType.Float32);                               // (B, T, C)
        var t = gradient.shape[1];
        p.PaddedViewOf(Tokens, p.Gradient!).index_add_(0, inputs.reshape(-1), gradient.view(-1, gradient.shape[2]), Number.One);
        p.PaddedViewOf(Positions, p.Gradient!).narrow(0, 0, t).add_(gradient.sum(dim: 0), Number.One);        // named: a bare 0 is also a ScalarType
    }
}

/// <summary>x + attention(norm(x)), then x + mlp(norm(x)).</summary>
internal sealed class Block
{
    private readonly ModelConfig _config;
    private readonly Tensor _norm1, _norm1Bias, _qkv, _out, _outBias, _norm2, _norm2Bias, _up, _upBias, _down, _downBias;
    private readonly Tensor? _qkvBias;
    private readonly bool _tanhGelu;

    public Block(ModelConfig config, FlatParameters p, int layer)
    {
        var h = $"transformer.h.{layer}.";
        _config = config;
        (_norm1, _norm1Bias) = (p[h + "ln_1.weight"], p[h + "ln_1.bias"]);
        (_qkv, _qkvBias) = (p[h + "attn.c_attn.weight"], p.Has(h + "attn.c_attn.bias") ? p[h + "attn.c_attn.bias"] : null);
        (_out, _outBias) = (p[h + "attn.c_proj.weight"], p[h + "attn.c_proj.bias"]);
        (_norm2, _norm2Bias) = (p[h + "ln_2.weight"], p[h + "ln_2.bias"]);
        (_up, _upBias) = (p[h + "mlp.c_fc.weight"], p[h + "mlp.c_fc.bias"]);
        (_down, _downBias) = (p[h + "mlp.c_proj.weight"], p[h + "mlp.c_proj.bias"]);
        _tanhGelu = config.Architecture == "gpt2";
    }

    /// <summary>(B, T, C) → (B, T, C). With a seed, dropout is on; with a cache, attention also sees the tokens before.</summary>
    public Tensor Forward(Tensor x, ulong? dropoutSeed, LayerCache? cache = null)
    {
        using var scope = NewDisposeScope();
        var dropout = dropoutSeed is null ? 0 : _config.Dropout;
        if (dropout > 0) random.manual_seed((long)dropoutSeed!.Value);
        x = x.add(Drop(Attention(F.layer_norm(x, [_config.ModelDim], _norm1, _norm1Bias), dropout, cache), dropout), Number.One);
        x = x.add(Drop(Mlp(F.layer_norm(x, [_config.ModelDim], _norm2, _norm2Bias)), dropout), Number.One);
        return x.MoveToOuterDisposeScope();
    }

    private Tensor Attention(Tensor x, double dropout, LayerCache? cache)
    {
        var (b, t, c, nh) = (x.shape[0], x.shape[1], _config.ModelDim, _config.NumHeads);
        var qkv = F.linear(x, _qkv, _qkvBias).view(b, t, 3, nh, c / nh).permute(2, 0, 3, 1, 4);   // (B, T, 3C) -> (3, B, nh, T, hs)
        var (q, k, v) = (qkv.select(0, 0), qkv.select(0, 1), qkv.select(0, 2));                    // (B, nh, T, hs) each
        if (cache is not null) (k, v) = cache.Append(k, v);                                        // (B, nh, S + T, hs)
        var past = k.shape[2] - t;                                                                 // S
        var y = _config.FlashAttention && (past == 0 || t == 1)                                    // the kernel's mask counts from the first key
            ? F.scaled_dot_product_attention(q, k, v, p: dropout, is_casual: past == 0)            // one new token sees everything
            : SpelledOut(q, k, v, dropout, past);
        return F.linear(y.transpose(1, 2).reshape(b, t, c), _out, _outBias);                       // (B, nh, T, hs) -> (B, T, C)
    }

    private static Tensor SpelledOut(Tensor q, Tensor k, Tensor v, double dropout, long past)
    {
        using var scale = (1 / Math.Sqrt(q.shape[3])).ToScalar();
        var scores = q.matmul(k.transpose(-2, -1)).mul(scale);                                                   // (B, nh, T, S + T)
        var future = ones(scores.shape[2], scores.shape[3], dtype: ScalarType.Bool, device: q.device).triu(past + 1);
        return Drop(scores.masked_fill(future, Number.NegativeInfinity).softmax(-1), dropout).matmul(v);
    }

    private Tensor Mlp(Tensor x)
    {
        x = F.linear(x, _up, _upBias);                                                             // (B, T, C) -> (B, T, M)
        x = _tanhGelu ? F.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh) : F.gelu(x);
        return F.linear(x, _down, _downBias);                                                      // (B, T, M) -> (B, T, C)
    }

    private static Tensor Drop(Tensor x, double dropout) => dropout == 0 ? x : F.dropout(x, dropout, training: true);
}

/// <summary>
/// The final norm (GPT-2 only), the tied head and the cross-entropy. Loss and gradients are computed by hand, a chunk of rows at a time, so that the
/// logits never exist all at once.
/// </summary>
internal sealed class Head(ModelConfig config, FlatParameters p)
{
    private const string Weight = "transformer.wte.weight", Bias = "lm_head.bias", Norm = "transformer.ln_f.weight", NormBias = "transformer.ln_f.bias";

    /// <summary>Summed loss (), and the gradient of scale × loss with respect to <paramref name="x"/> (B, T, C).</summary>
    public Tensor ForwardBackward(Tensor x, Tensor targets, double scale, out Tensor gradient)
    {
        using var scope = NewDisposeScope();
        x.requires_grad = true;
        var normed = Normalize(x);
        Tensor loss, dNormed;
        using (no_grad())
        {
            loss = Chunks(normed.detach().view(-1, config.ModelDim), targets.reshape(-1), scale, out dNormed);
        }

        if (p.Has(Norm))
        {
            autograd.backward([normed], [dNormed.view(normed.shape)]);
            gradient = x.grad!.MoveToOuterDisposeScope();
        }
        else
        {
            gradient = dNormed.view(x.shape).MoveToOuterDisposeScope();
        }

        return loss.MoveToOuterDisposeScope();
    }

    /// <summary>Summed loss () of hidden states (B, T, C).</summary>
    public Tensor Loss(Tensor x, Tensor targets) => Chunks(Normalize(x).view(-1, config.ModelDim), targets.reshape(-1), null, out _);

    /// <summary>(…, C) → (…, V) fp32.</summary>
    public Tensor Logits(Tensor x)
    {
        using var scope = NewDisposeScope();
        var logits = F.linear(Normalize(x), p[Weight], p.Has(Bias) ? p[Bias] : null);
        return logits.narrow(-1, 0, config.VocabSize).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    private Tensor Normalize(Tensor x) => p.Has(Norm) ? F.layer_norm(x, [config.ModelDim], p[Norm], p[NormBias]) : x;

    /// <summary>Cross-entropy of rows (N, C) against targets (N), chunk by chunk; with a scale also all gradients.</summary>
    private Tensor Chunks(Tensor rows, Tensor targets, double? scale, out Tensor gradient)
    {
        var loss = zeros([], dtype: ScalarType.Float32, device: rows.device);
        gradient = scale is null ? rows : empty_like(rows);
        using var factor = scale?.ToScalar();
        for (long start = 0; start < rows.shape[0]; start += ModelArithmetic.HeadChunkRows)
        {
            using var scope = NewDisposeScope();
            var n = Math.Min(ModelArithmetic.HeadChunkRows, rows.shape[0] - start);
            var h = rows.narrow(0, start, n);                                                      // (n, C)
            var target = targets.narrow(0, start, n).unsqueeze(1);                                 // (n, 1)
            var logits = F.linear(h, p[Weight], p.Has(Bias) ? p[Bias] : null);                     // (n, Vp)
            var real = logits.narrow(1, 0, config.VocabSize);                                      // (n, V)
            if (scale is null)
            {
                loss.add_(real.log_softmax(1, ScalarType.Float32).gather(1, target).sum(), Number.MinusOne);
                continue;
            }

            // d loss / d logits = softmax − one-hot; a padded id has probability 0 and so no gradient.
            logits.narrow(1, config.VocabSize, logits.shape[1] - config.VocabSize).fill_(Number.NegativeInfinity);
            var logProbabilities = logits.log_softmax(1, ScalarType.Float32);
            loss.add_(logProbabilities.gather(1, target).sum(), Number.MinusOne);
            var d = logProbabilities.exp_();
            d.scatter_add_(1, target, full_like(target, Number.MinusOne, dtype: ScalarType.Float32));
            d = d.mul_(factor!).to(rows.dtype);                                                // (n, Vp)
            gradient.narrow(0, start, n).copy_(d.matmul(p[Weight]));                               // (n, Vp) (Vp, C) -> (n, C)
            var dWeight = p.PaddedViewOf(Weight, p.Gradient!);
            if (p.IsBf16) dWeight.add_(d.t().matmul(h), Number.One);                                      // (Vp, n) (n, C) -> (Vp, C)
            else dWeight.addmm_(d.t(), h, 1, 1);
            if (p.Has(Bias)) p.PaddedViewOf(Bias, p.Gradient!).add_(d.sum(dim: 0, type: ScalarType.Float32), Number.One);
        }

        return loss;
    }
}
