using Dtt.Core.Models;
using Dtt.Training.Kernels.Torch;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// Kernels of our own for CPUs, 16 values at a time on all of torch's threads; what they do not support, such as widths that are no whole vectors, is torch's.
/// </summary>
internal sealed class CpuKernels() : TorchKernels(CPU)
{
    public override bool DecodesOnHost => true;

    public override Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null) => Products.Linear(x, weight, bias);

    public override Tensor LinearBackward(Tensor gradient, Tensor x, Tensor weight, GradientSum weightSum, GradientSum? biasSum) =>
        base.LinearBackward(Products.Operand(gradient), Products.Operand(x), weight, weightSum, biasSum);

    public override (Tensor Output, Saved? Saved) Norm(Tensor x, Tensor gain, Tensor? bias, double epsilon, bool save)
    {
        if (!RowNorm.Supports(x)) return base.Norm(x, gain, bias, epsilon, save);
        var input = x.contiguous().alias();
        var (y, moments) = RowNorm.Forward(input, gain, bias, epsilon);
        return (y, save ? new Saved(input, moments) : null);
    }

    public override Tensor NormBackward(Tensor gradient, Saved saved, Tensor gain, GradientSum gainSum, GradientSum? biasSum)
    {
        if (!RowNorm.Supports(gradient)) return base.NormBackward(gradient, saved, gain, gainSum, biasSum);
        var (dx, dGain, dBias) = RowNorm.Backward(saved.Tensors[0], saved.Tensors[1], gain, biasSum is not null, gradient.contiguous());
        AddGradient(gainSum, dGain);
        if (biasSum is { } sum) AddGradient(sum, dBias!);
        return dx;
    }

    public override (Tensor Output, Saved? Saved) TanhGelu(Tensor x, bool save)
    {
        var input = x.contiguous().alias();
        return (Gelu.Forward(input), save ? new Saved(input) : null);
    }

    public override Tensor TanhGeluBackward(Tensor gradient, Saved saved) => Gelu.Backward(saved.Tensors[0], gradient.contiguous());

    public override (Tensor Output, Saved? Saved) SwiGlu(Tensor x, bool save)
    {
        if (!Cpu.SwiGlu.Supports(x)) return base.SwiGlu(x, save);
        var input = x.contiguous().alias();
        return (Cpu.SwiGlu.Forward(input), save ? new Saved(input) : null);
    }

    public override Tensor SwiGluBackward(Tensor gradient, Saved saved) =>
        Cpu.SwiGlu.Supports(saved.Tensors[0]) ? Cpu.SwiGlu.Backward(saved.Tensors[0], gradient.contiguous()) : base.SwiGluBackward(gradient, saved);

    /// <summary>
    /// Each document by itself, as a sequence that has its length would be: by products, or where it is long by torch's fused kernel. Sequences of one document
    /// each are no different from those without documents.
    /// </summary>
    public override (Tensor Output, Saved? Saved) Attention(Tensor heads, AttentionShape shape, Documents? documents, double dropout, bool save)
    {
        var stretches = documents?.Stretches ?? Stretch.Whole(heads.shape[0], heads.shape[1]);
        if (stretches.Count == heads.shape[0]) documents = null;
        bool IsFused(long tokens) => shape.Flash && tokens > ModelArithmetic.ShortContext;
        if (dropout > 0 || (documents is null && IsFused(heads.shape[1]))) return base.Attention(heads, shape, documents, dropout, save);
        heads = heads.contiguous();
        var (y, saved) = Cpu.Attention.Forward(heads, shape, [.. stretches.Where(s => !IsFused(s.Tokens))]);
        var fused = new List<(Stretch Stretch, Saved Saved)>();
        foreach (var stretch in stretches.Where(s => IsFused(s.Tokens)))
        {
            var (part, kept) = base.Attention(stretch.Of(heads), shape, documents: null, dropout, save);
            stretch.Of(y).copy_(part);
            if (save) fused.Add((stretch, kept!));
        }

        return (y, save ? new SavedDocuments(saved, fused) : null);
    }

    public override Tensor AttentionBackward(Tensor gradient, Saved saved)
    {
        if (saved is not SavedDocuments own) return base.AttentionBackward(gradient, saved);
        gradient = gradient.contiguous();
        var result = Cpu.Attention.Backward(gradient, own.Products);
        foreach (var (stretch, kept) in own.Fused) stretch.Of(result).copy_(base.AttentionBackward(stretch.Of(gradient), kept));
        return result;
    }

    public override Tensor CrossEntropyInPlace(Tensor logits, Tensor targets, int ids, double scale) =>
        CrossEntropy.InPlace(logits, targets, ids, (float)scale);

    public override void AddGradient(GradientSum sum, Tensor gradient)
    {
        using var values = gradient.contiguous();
        GradientAdd.Values(sum, values);
    }

    public override bool Adam(AdamStep step, AdamValues values, Tensor scale, Tensor skip)
    {
        if (Number.Of(skip) == 0) CpuAdam.Apply(step, values, Number.Of(scale));
        return true;
    }

    public override double? MatmulPeak(ScalarType type) => Cpu.MatmulPeak.Measure(type);

    protected override void AddRows(GradientSum sum, Tensor rows) => GradientAdd.Rows(sum, rows);

    protected override Tensor AttendPerHead(Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor? mask, double dropout) =>
        base.AttendPerHead(Products.Operand(q), Products.Operand(k), Products.Operand(v), shape, mask, dropout).to(q.dtype);

    /// <summary>Not in bf16 with few keys (measured: docs/log.md).</summary>
    protected override bool PrefersFlash(Tensor keys) => keys.dtype != ScalarType.BFloat16 || keys.shape[2] > ModelArithmetic.ShortContext;

    /// <summary>What attention within documents saves: of those that are multiplied together, and of each long one.</summary>
    private sealed record SavedDocuments(SavedAttention Products, IReadOnlyList<(Stretch Stretch, Saved Saved)> Fused)
        : Saved([.. Products.Tensors, .. Fused.SelectMany(f => f.Saved.Tensors)]);
}
