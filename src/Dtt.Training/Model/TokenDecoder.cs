using System.Numerics.Tensors;
using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Kernels.Cpu;
using Dtt.Training.Native;

namespace Dtt.Training.Model;

/// <summary>
/// One new token of one sequence on a CPU, in fp32 from the master weights: the same model as the blocks', without torch, whose products of a single row read
/// the weights at half of what the memory gives (measured: docs/log.md). All threads go through the layers together; each has its rows of a matrix and its
/// heads, and reads what others made after a barrier.
/// C = <c>d_model</c>, nh heads of hs, nkv of them with keys and values, M = <c>d_mlp</c>, V ids, S tokens before this one.
/// </summary>
internal sealed unsafe class TokenDecoder
{
    private readonly ModelConfig _config;
    private readonly FlatParameters _parameters;
    private readonly Matrix _tokens, _head;
    private readonly Matrix? _positions;
    private readonly Layer[] _layers;
    private readonly Norm? _finalNorm;
    private readonly bool _rotates;
    private readonly float[] _x, _qkv, _attended, _inner, _cosine, _sine;   // (C), ((nh + 2 nkv) hs), (nh hs), (M, gated 2 M), (hs/2) twice
    private readonly float[][] _normed, _scratch;                           // each thread's own: (C), (T or M)

    /// <summary>Scratch memory beside a model's weights, which it reads where they are.</summary>
    public TokenDecoder(ModelConfig config, FlatParameters p)
    {
        (_config, _parameters) = (config, p);
        _rotates = config.Spec.Positions == PositionKind.Rotary;
        _tokens = new Matrix(p, new(p.Table.Tokens));
        _positions = p.Table.Positions is { } positions ? new Matrix(p, new(positions)) : null;
        _layers = [.. p.Table.Blocks.Select(b => new Layer(p, b))];
        _finalNorm = p.Table.FinalNorm is { } norm ? new Norm(p, norm) : null;
        _head = new Matrix(p, p.Table.Head);
        (_x, _attended) = (new float[config.ModelDim], new float[config.NumHeads * config.HeadDim]);
        _qkv = new float[(config.NumHeads + 2 * config.NumKvHeads) * config.HeadDim];
        _inner = new float[config.MlpDim * (config.Spec.IsGated ? 2 : 1)];
        (_cosine, _sine) = (new float[config.HeadDim / 2], new float[config.HeadDim / 2]);
        _normed = [.. Enumerable.Range(0, OpenMp.Threads).Select(_ => new float[config.ModelDim])];
        _scratch = [.. Enumerable.Range(0, OpenMp.Threads).Select(_ => new float[Math.Max(config.ContextLength, config.MlpDim)])];
    }

    /// <summary>The logits (V) after a token that follows what the cache holds; its keys and values are appended.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No such token, or the cache is full.</exception>
    public void Next(long token, KeyValueCache cache, Memory<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)token, (ulong)_config.VocabSize, nameof(token));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(cache.Length, _config.ContextLength, nameof(cache));
        if (_rotates) Rotary.Angles(_config, (int)cache.Length, _cosine, _sine);
        OpenMp.Run((thread, threads) => Decode(thread, threads, (int)token, cache, logits.Span));
        cache.Advance(1);
    }

    private void Decode(int thread, int threads, int token, KeyValueCache cache, Span<float> logits)
    {
        (int First, int End) Share(int count) => (OpenMp.Cut(count, thread, threads), OpenMp.Cut(count, thread + 1, threads));
        var (position, h) = ((int)cache.Length, _normed[thread]);
        if (thread == 0)
        {
            _tokens.Row(token).CopyTo(_x);
            if (_positions is { } positions) TensorPrimitives.Add(_x, positions.Row(position), _x);
        }

        OpenMp.Barrier();
        for (var i = 0; i < _layers.Length; i++)
        {
            var layer = _layers[i];
            layer.Norm1.Of(_x, h, _config.NormEpsilon);
            Multiply(layer.Qkv, h, _qkv, Share(_qkv.Length));                                // (C) -> ((nh + 2 nkv) hs)
            OpenMp.Barrier();
            var (firstHead, endHead) = Share(_config.NumKvHeads);
            for (var head = firstHead; head < endHead; head++) Attend(layer, cache.Layer(i), head, position, _scratch[thread]);
            OpenMp.Barrier();
            Add(layer.Out, _attended, _x, Share(_x.Length));                                 // (nh hs) -> (C)
            OpenMp.Barrier();
            layer.Norm2.Of(_x, h, _config.NormEpsilon);
            UpProject(layer.Up, h, Share(_config.MlpDim), _scratch[thread]);                 // (C) -> (M)
            OpenMp.Barrier();
            Add(layer.Down, _inner.AsSpan(0, _config.MlpDim), _x, Share(_x.Length));         // (M) -> (C)
            OpenMp.Barrier();
        }

        if (_finalNorm is { } norm) norm.Of(_x, h, _config.NormEpsilon);
        else _x.CopyTo(h, 0);
        Multiply(_head, h, logits, Share(_config.VocabSize));                                // (C) -> (V)
    }

    /// <summary>softmax(q Kᵀ ÷ √hs) V for the queries that share one head of keys and values, after the new key and value have joined the cache.</summary>
    private void Attend(Layer layer, LayerCache cache, int kvHead, int past, Span<float> scores)
    {
        var (hs, group) = (_config.HeadDim, _config.NumHeads / _config.NumKvHeads);
        Span<float> Part(int index) => _qkv.AsSpan(index * hs, hs);
        Span<float> keys = cache.Keys(kvHead), values = cache.Values(kvHead);                        // (T, hs)
        var key = Part(_config.NumHeads + kvHead);
        layer.KeyNorm?.Of(key, key, _config.NormEpsilon);
        if (_rotates) Rotate(key);
        key.CopyTo(keys[(past * hs)..]);
        Part(_config.NumHeads + _config.NumKvHeads + kvHead).CopyTo(values[(past * hs)..]);
        scores = scores[..(past + 1)];
        for (var head = kvHead * group; head < (kvHead + 1) * group; head++)
        {
            var query = Part(head);
            layer.QueryNorm?.Of(query, query, _config.NormEpsilon);
            if (_rotates) Rotate(query);
            TensorPrimitives.Multiply(query, (float)(1 / Math.Sqrt(hs)), query);
            for (var t = 0; t <= past; t++) scores[t] = TensorPrimitives.Dot(query, keys.Slice(t * hs, hs));
            TensorPrimitives.Subtract(scores, TensorPrimitives.Max(scores), scores);
            TensorPrimitives.Exp(scores, scores);
            TensorPrimitives.Divide(scores, TensorPrimitives.Sum(scores), scores);
            var y = _attended.AsSpan(head * hs, hs);
            y.Clear();
            for (var t = 0; t <= past; t++) TensorPrimitives.MultiplyAdd(values.Slice(t * hs, hs), scores[t], y, y);
        }
    }

    /// <summary>The feed-forward layer's inner values of a share: GELU, or SiLU of the gate times the rest.</summary>
    private void UpProject(Matrix up, ReadOnlySpan<float> x, (int First, int End) share, Span<float> scratch)
    {
        Multiply(up, x, _inner, share);
        var inner = _inner.AsSpan(share.First..share.End);
        var factor = scratch[..inner.Length];
        switch (_config.Spec.Activation)
        {
            case ActivationKind.SwiGlu:
                Multiply(up, x, _inner, (_config.MlpDim + share.First, _config.MlpDim + share.End));
                TensorPrimitives.Sigmoid(inner, factor);
                TensorPrimitives.Multiply(inner, factor, inner);
                factor = _inner.AsSpan(_config.MlpDim + share.First, inner.Length);
                break;
            case ActivationKind.TanhGelu:
                // (1 + tanh u) / 2 is the sigmoid of 2 u (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2).
                for (var i = 0; i < inner.Length; i++) factor[i] = 1.5957691216f * (inner[i] + 0.044715f * inner[i] * inner[i] * inner[i]);
                TensorPrimitives.Sigmoid(factor, factor);
                break;
            case ActivationKind.Gelu:
                for (var i = 0; i < inner.Length; i++) factor[i] = NormalCdf(inner[i]);
                break;
            case var other:
                throw new NotSupportedException($"{other}");
        }

        TensorPrimitives.Multiply(inner, factor, inner);
    }

    /// <summary>Φ(x), with an error of at most 8e-8 (Abramowitz and Stegun 1964, 7.1.26).</summary>
    private static float NormalCdf(float x)
    {
        var z = Math.Abs(x) * Math.Sqrt(0.5);
        var t = 1 / (1 + 0.3275911 * z);
        var upper = 0.5 * t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.Exp(-z * z);
        return (float)(x < 0 ? upper : 1 - upper);
    }

    /// <summary>Rotates the pairs (i, i + hs/2) by this position's angles.</summary>
    private void Rotate(Span<float> head)
    {
        var half = head.Length / 2;
        for (var i = 0; i < half; i++)
            (head[i], head[i + half]) = (head[i] * _cosine[i] - head[i + half] * _sine[i], head[i + half] * _cosine[i] + head[i] * _sine[i]);
    }

    private static void Multiply(Matrix w, ReadOnlySpan<float> x, Span<float> y, (int First, int End) rows)
    {
        for (var r = rows.First; r < rows.End; r++) y[r] = w.Bias(r) + TensorPrimitives.Dot(w.Row(r), x);
    }

    private static void Add(Matrix w, ReadOnlySpan<float> x, Span<float> y, (int First, int End) rows)
    {
        for (var r = rows.First; r < rows.End; r++) y[r] += w.Bias(r) + TensorPrimitives.Dot(w.Row(r), x);
    }

    private static nint AddressOf(FlatParameters p, ParameterSpec? weight)
    {
        if (weight is null) return 0;
        using var view = p.PaddedViewOf(weight.Name, p.Master);
        return TensorMemory.AddressOf(view);
    }

    private readonly struct Layer(FlatParameters p, BlockSpec weights)
    {
        public Norm Norm1 { get; } = new(p, weights.Norm1);
        public Matrix Qkv { get; } = new(p, weights.Qkv);
        public Norm? QueryNorm { get; } = weights.QueryNorm is { } norm ? new(p, norm) : null;
        public Norm? KeyNorm { get; } = weights.KeyNorm is { } norm ? new(p, norm) : null;
        public Matrix Out { get; } = new(p, weights.Out);
        public Norm Norm2 { get; } = new(p, weights.Norm2);
        public Matrix Up { get; } = new(p, weights.Up);
        public Matrix Down { get; } = new(p, weights.Down);
    }

    /// <summary>(out, in) weights and their bias (out), which may be missing.</summary>
    private readonly struct Matrix(FlatParameters p, LayerSpec layer)
    {
        private readonly float* _weights = (float*)AddressOf(p, layer.Weight);
        private readonly float* _bias = (float*)AddressOf(p, layer.Bias);
        private readonly int _columns = (int)layer.Weight.Shape[1];

        public ReadOnlySpan<float> Row(int row) => new(_weights + (long)row * _columns, _columns);

        public float Bias(int row) => _bias == null ? 0 : _bias[row];
    }

    /// <summary>LayerNorm, or RMSNorm, which has no bias.</summary>
    private readonly struct Norm(FlatParameters p, LayerSpec layer)
    {
        private readonly float* _gain = (float*)AddressOf(p, layer.Weight);
        private readonly float* _bias = (float*)AddressOf(p, layer.Bias);

        /// <summary>(C) → (C), which may be the same.</summary>
        public void Of(ReadOnlySpan<float> x, Span<float> y, double epsilon)
        {
            var mean = _bias == null ? 0 : TensorPrimitives.Sum(x) / x.Length;
            TensorPrimitives.Subtract(x, mean, y);
            TensorPrimitives.Multiply(y, (float)(1 / Math.Sqrt(TensorPrimitives.SumOfSquares<float>(y) / x.Length + epsilon)), y);
            TensorPrimitives.Multiply(y, new ReadOnlySpan<float>(_gain, x.Length), y);
            if (_bias != null) TensorPrimitives.Add(y, new ReadOnlySpan<float>(_bias, x.Length), y);
        }
    }
}
