using Dtt.Core.Models;
using Dtt.Data.Order;
using Dtt.Training.Kernels;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Model;

/// <summary>
/// All weights of a model in contiguous buffers: the fp32 master, the working copy that forward and backward use (bf16, or the master itself), and the fp32
/// gradient. Each weight is a view, aligned to 256 bytes in every buffer; the blocks' matrices come first, then embeddings, then what does not decay. So a
/// cast, a clip, an optimizer step and a reduction are each one operation on a range.
/// </summary>
internal sealed class FlatParameters : IDisposable
{
    private const long AlignValues = 128;   // 256 bytes of bf16
    public const long VocabMultiple = 128;  // run-time padding of the vocabulary: faster matrix shapes
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _weights = new(StringComparer.Ordinal);
    private readonly Dictionary<Tensor, string> _nameOf = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<string> _cleared = new(StringComparer.Ordinal); // whose part of the gradient counts as zero, whatever it holds

    /// <summary>Buffers for the given weights, all zero.</summary>
    /// <param name="table">The weights.</param>
    /// <param name="device">Where they live.</param>
    /// <param name="bf16">Whether the working copy is bf16.</param>
    /// <param name="forTraining">Whether gradients are summed.</param>
    /// <param name="kernels">What computes with them; null: the device's own.</param>
    public FlatParameters(ParameterTable table, Device device, bool bf16, bool forTraining, IKernels? kernels = null)
    {
        (Table, Kernels) = (table, kernels ?? IKernels.Of(device));
        foreach (var spec in table.OrderByDescending(s => s.Decays).ThenBy(s => s.Role))
        {
            var shape = Padded(spec);
            _places[spec.Name] = new Place(spec, shape, Size);
            Size += (shape.Aggregate(1L, (a, b) => a * b) + AlignValues - 1) / AlignValues * AlignValues;
            if (spec.Role == ParameterRole.Hidden) HiddenSize = Size;
            if (spec.Decays) DecayedSize = Size;
        }

        using var scope = NewDisposeScope();
        Master = zeros(Size, dtype: float32, device: device).DetachFromDisposeScope();
        Working = bf16 ? zeros(Size, dtype: bfloat16, device: device).DetachFromDisposeScope() : Master;
        if (forTraining) Gradient = zeros(Size, dtype: float32, device: device).DetachFromDisposeScope();

        foreach (var (name, place) in _places)
        {
            var weight = _weights[name] = View(Working, place).DetachFromDisposeScope();
            _nameOf[weight] = name;
        }
    }

    /// <summary>The weights by what they are for, and in checkpoint order.</summary>
    public ParameterTable Table { get; }

    /// <summary>What computes with them.</summary>
    public IKernels Kernels { get; }

    /// <summary>Values in each buffer, padding included.</summary>
    public long Size { get; }

    /// <summary>Values in the range of the blocks' matrices, from the start.</summary>
    public long HiddenSize { get; }

    /// <summary>Values in the range of decayed weights, from the start.</summary>
    public long DecayedSize { get; }

    /// <summary>(Size) fp32: what the optimizer changes and checkpoints hold.</summary>
    public Tensor Master { get; }

    /// <summary>(Size) bf16 or fp32: what the model computes with.</summary>
    public Tensor Working { get; }

    /// <summary>(Size) fp32: the step's summed gradient.</summary>
    public Tensor? Gradient { get; }

    /// <summary>Whether the working copy is bf16.</summary>
    public bool IsBf16 => Working.dtype == ScalarType.BFloat16;

    /// <summary>A weight as the model uses it: padded, in the working type.</summary>
    public Tensor this[string name] => _weights[name];

    /// <summary>A weight's unpadded view of one of the flat buffers; the caller disposes it.</summary>
    /// <param name="name">The weight.</param>
    /// <param name="buffer">A flat buffer, or a share of one with the whole weight.</param>
    /// <param name="start">Which value the buffer begins with.</param>
    public Tensor ViewOf(string name, Tensor buffer, long start = 0)
    {
        var place = _places[name];
        return View(buffer, place with { Offset = place.Offset - start }).narrow(0, 0, place.Spec.Shape[0]);
    }

    /// <summary>The end of a block's matrix that is nearest to a value, if that is within them; else the value itself.</summary>
    public long BetweenMatrices(long value) => value >= HiddenSize ? value
        : _places.Values.Where(p => p.Spec.Role == ParameterRole.Hidden).Select(p => p.Offset).Append(HiddenSize).MinBy(offset => Math.Abs(offset - value));

    /// <summary>Every weight's unpadded view of one of the flat buffers, by name; the caller disposes them.</summary>
    public IEnumerable<(string Name, Tensor View)> Named(Tensor buffer) => Table.Select(s => (s.Name, ViewOf(s.Name, buffer)));

    /// <summary>The values [From, To) of the flat buffers that belong to a weight, padding included.</summary>
    /// <param name="weight">One of <see cref="this[string]"/>.</param>
    public (long From, long To) RangeOf(Tensor weight)
    {
        var place = _places[_nameOf[weight]];
        var next = _places.Values.Where(p => p.Offset > place.Offset).Select(p => p.Offset).DefaultIfEmpty(Size).Min();
        return (place.Offset, next);
    }

    /// <summary>A weight's padded view of one of the flat buffers; the caller disposes it.</summary>
    public Tensor PaddedViewOf(string name, Tensor buffer) => View(buffer, _places[name]);

    /// <summary>Sets the first values: each weight has a random stream of its own.</summary>
    public void Initialize(long seed)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        for (var i = 0; i < Table.Count; i++)
        {
            var spec = Table[i];
            using var scale = spec.Init.Scale.ToScalar();
            var values = empty([.. spec.Shape], dtype: float32);
            Seeds.Set(CPU, Mixing.Seed(seed, Purpose.Weights, i));
            _ = spec.Init.Kind switch
            {
                InitKind.Normal => values.normal_(0, spec.Init.Scale),
                InitKind.Uniform => values.uniform_(-spec.Init.Scale, spec.Init.Scale),
                _ => values.fill_(scale),
            };
            ViewOf(spec.Name, Master).copy_(values);
        }

        MasterChanged();
    }

    /// <summary>Renews the working copy after the master changed.</summary>
    public void MasterChanged()
    {
        using var noGrad = no_grad();
        if (IsBf16) Working.copy_(Master);
    }

    /// <summary>A weight's part of the step's gradient; the caller adds to it. The caller's scope disposes it.</summary>
    /// <param name="weight">One of <see cref="this[string]"/>.</param>
    public GradientSum SumOf(Tensor weight)
    {
        var name = _nameOf[weight];
        return new GradientSum(PaddedViewOf(name, Gradient!), IsFirst: _cleared.Remove(name));
    }

    /// <summary>A weight's part of the step's gradient, padded, to add to in place; the caller disposes it.</summary>
    public Tensor GradientOf(string name)
    {
        var view = PaddedViewOf(name, Gradient!);
        return _cleared.Remove(name) ? view.zero_() : view;
    }

    /// <summary>Starts the next step's gradient from zero.</summary>
    public void ClearGradient() => _cleared.UnionWith(_places.Keys);

    /// <summary>The weights whose gradient is not finite.</summary>
    public IReadOnlyList<string> NonFiniteGradients()
    {
        using var scope = NewDisposeScope();
        return [.. Table.Where(s => !float.IsFinite(Number.Of(ViewOf(s.Name, Gradient!).abs().max()))).Select(s => s.Name)];
    }

    public void Dispose()
    {
        foreach (var weight in _weights.Values) weight.Dispose();
        Gradient?.Dispose();
        if (!ReferenceEquals(Working, Master)) Working.Dispose();
        Master.Dispose();
    }

    private static long[] Padded(ParameterSpec spec)
    {
        long[] shape = [.. spec.Shape];
        if (spec.Role == ParameterRole.Vocabulary) shape[0] = (shape[0] + VocabMultiple - 1) / VocabMultiple * VocabMultiple;
        return shape;
    }

    private static Tensor View(Tensor buffer, Place place)
    {
        using var range = buffer.narrow(0, place.Offset, place.Shape.Aggregate(1L, (a, b) => a * b));
        return range.view(place.Shape);
    }

    private sealed record Place(ParameterSpec Spec, long[] Shape, long Offset);
}
