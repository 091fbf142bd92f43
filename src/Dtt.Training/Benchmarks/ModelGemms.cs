using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Kernels.Cpu;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.Benchmarks;

/// <summary>
/// The time of exactly a model's matrix products in one micro-batch: forward, and the gradients of input and weight, of every weight matrix. A step's other
/// time is everything else that a trainer does.
/// </summary>
internal sealed class ModelGemms : IDisposable
{
    private readonly List<(Tensor Input, Tensor Weight, Tensor OutputGradient, int Count)> _shapes = [];

    /// <summary>The products of a model for so many tokens.</summary>
    public ModelGemms(ModelConfig model, long tokens, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var hidden = ParameterTable.Of(model).Where(p => p.Role == ParameterRole.Hidden).Select(p => (Out: p.Shape[0], In: p.Shape[1]));
        const long multiple = FlatParameters.VocabMultiple;
        var head = (Out: (model.VocabSize + multiple - 1) / multiple * multiple, In: (long)model.ModelDim);
        foreach (var shape in hidden.Append(head).GroupBy(s => s))
        {
            Tensor Random(long rows, long columns) => rand(rows, columns).to(type).DetachFromDisposeScope();
            _shapes.Add((Random(tokens, shape.Key.In), Random(shape.Key.Out, shape.Key.In), Random(tokens, shape.Key.Out), shape.Count()));
        }
    }

    /// <summary>Seconds of all products once: each distinct shape is timed once and counted as often as the model has it.</summary>
    public double Seconds()
    {
        using var noGrad = no_grad();
        var total = 0.0;
        foreach (var (input, weight, gradient, count) in _shapes)
        {
            using var scope = NewDisposeScope();
            var clock = Stopwatch.StartNew();
            Products.Linear(input, weight).Dispose();                               // (N, in) (in, out) -> (N, out)
            Products.Linear(gradient, weight.t()).Dispose();                        // (N, out) (out, in) -> (N, in)
            Products.Operand(gradient).t().matmul(Products.Operand(input)).Dispose(); // (out, N) (N, in) -> (out, in)
            total += clock.Elapsed.TotalSeconds * count;
        }

        return total;
    }

    public void Dispose()
    {
        foreach (var (input, weight, gradient, _) in _shapes)
        {
            input.Dispose();
            weight.Dispose();
            gradient.Dispose();
        }
    }
}
