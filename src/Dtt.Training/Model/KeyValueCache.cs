using Dtt.Core.Configuration;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Model;

/// <summary>Keys and values of the tokens so far, so that a new token costs one row of work.</summary>
internal sealed class KeyValueCache : IDisposable
{
    private readonly LayerCache[] _layers;

    /// <summary>An empty cache for one sequence of up to the model's context; in fp32 where <see cref="TokenDecoder"/> computes.</summary>
    public KeyValueCache(ModelConfig config, FlatParameters parameters)
    {
        var device = parameters.Working.device;
        var type = parameters.Kernels.DecodesOnHost ? ScalarType.Float32 : parameters.Working.dtype;
        _layers = [.. Enumerable.Range(0, config.NumLayers).Select(_ => new LayerCache(config, type, device))];
    }

    /// <summary>Tokens in the cache.</summary>
    public long Length { get; private set; }

    public LayerCache Layer(int layer) => _layers[layer];

    /// <summary>Counts tokens that all layers have appended.</summary>
    public void Advance(long tokens)
    {
        Length += tokens;
        foreach (var layer in _layers) layer.Length = Length;
    }

    public void Dispose()
    {
        foreach (var layer in _layers) layer.Dispose();
    }
}

/// <summary>One block's part of a <see cref="KeyValueCache"/>.</summary>
internal sealed class LayerCache : IDisposable
{
    private readonly Tensor _keys, _values;

    public LayerCache(ModelConfig config, ScalarType type, Device device)
    {
        using var scope = NewDisposeScope();
        long[] shape = [1, config.NumKvHeads, config.ContextLength, config.HeadDim];
        _keys = zeros(shape, dtype: type, device: device).DetachFromDisposeScope();
        _values = zeros(shape, dtype: type, device: device).DetachFromDisposeScope();
    }

    /// <summary>Tokens before the ones being appended.</summary>
    public long Length { get; set; }

    /// <summary>(T, hs): the keys of a head in a cache on a CPU, all of the context's room.</summary>
    public Span<float> Keys(int head) => HeadOf(_keys, head);

    /// <summary>(T, hs): its values.</summary>
    public Span<float> Values(int head) => HeadOf(_values, head);

    /// <summary>(1, nkv, T, hs) each → (1, nkv, S + T, hs) each, S tokens being here already.</summary>
    public (Tensor Keys, Tensor Values) Append(Tensor keys, Tensor values)
    {
        var t = keys.shape[2];
        _keys.narrow(2, Length, t).copy_(keys);
        _values.narrow(2, Length, t).copy_(values);
        return (_keys.narrow(2, 0, Length + t).to(keys.dtype), _values.narrow(2, 0, Length + t).to(values.dtype));
    }

    public void Dispose()
    {
        _keys.Dispose();
        _values.Dispose();
    }

    private static unsafe Span<float> HeadOf(Tensor cache, int head)
    {
        var values = (int)(cache.shape[2] * cache.shape[3]);
        return new Span<float>((float*)TensorMemory.AddressOf(cache) + (long)head * values, values);
    }
}
