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

    public override (Tensor Output, Saved? Saved) Attention(Tensor heads, AttentionShape shape, double dropout, bool save)
    {
        if (dropout > 0 || (shape.Flash && heads.shape[1] > ModelArithmetic.ShortContext)) return base.Attention(heads, shape, dropout, save);
        var (y, saved) = Cpu.Attention.Forward(heads, shape);
        return (y, save ? saved : null);
    }

    public override Tensor AttentionBackward(Tensor gradient, Saved saved) =>
        saved is SavedAttention own ? Cpu.Attention.Backward(gradient, own) : base.AttentionBackward(gradient, saved);

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

    protected override Tensor AttendPerHead(Tensor q, Tensor k, Tensor v, AttentionShape shape, double dropout) =>
        base.AttendPerHead(Products.Operand(q), Products.Operand(k), Products.Operand(v), shape, dropout).to(q.dtype);

    /// <summary>Not in bf16 with few keys (measured: docs/log.md).</summary>
    protected override bool PrefersFlash(Tensor keys) => keys.dtype != ScalarType.BFloat16 || keys.shape[2] > ModelArithmetic.ShortContext;
}
