using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Sampling;
using static TorchSharp.torch;

namespace Dtt.Training.Benchmarks;

/// <summary>Sampling one token after the other with a key-value cache, against reading every weight once: a token cannot be had for less.</summary>
internal sealed class SampleBench : IDisposable
{
    private const int Tokens = 16, Prompt = 64;
    private readonly FlatParameters _parameters;
    private readonly Gpt _model;
    private readonly TokenChoice _choice = new(0.8, TopK: 50);

    /// <summary>A fresh model in the arithmetic that sampling has on a CPU.</summary>
    public SampleBench(ModelConfig model)
    {
        _parameters = new FlatParameters(ParameterTable.Of(model), CPU, bf16: false, forTraining: false);
        _parameters.Initialize(1);
        _model = new Gpt(model, _parameters);
    }

    /// <summary>Mean seconds of a token, the prompt's reading excluded.</summary>
    public double SecondsOfAToken()
    {
        using var scope = NewDisposeScope();
        using var cache = new KeyValueCache(_model.Config, _parameters);
        var logits = Next(zeros([1, Prompt], dtype: ScalarType.Int64), cache);
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < Tokens; i++)
        {
            using var inner = NewDisposeScope();
            logits = Next(tensor(new long[] { _choice.Choose(logits, (ulong)i << 40) }, [1, 1]), cache);
        }

        return clock.Elapsed.TotalSeconds / Tokens;
    }

    /// <summary>Mean seconds in which all threads read the weights once.</summary>
    public double SecondsOfReading()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < Tokens; i++) _ = Number.Of(_parameters.Master.sum());
        return clock.Elapsed.TotalSeconds / Tokens;
    }

    public void Dispose() => _parameters.Dispose();

    private float[] Next(Tensor inputs, KeyValueCache cache)
    {
        using var logits = _model.NextLogits(inputs, cache);
        return logits.data<float>().ToArray();
    }
}
