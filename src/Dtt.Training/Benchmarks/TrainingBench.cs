using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Checkpoints;
using Dtt.Training.Data;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Benchmarks;

/// <summary>A training step of DTT's own, the very code of a run, on random tokens.</summary>
internal sealed class TrainingBench : IDisposable
{
    private readonly FlatParameters _parameters;
    private readonly Gpt _model;
    private readonly Optimizer _optimizer;
    private readonly Tensor _inputs, _targets;
    private CheckpointSnapshot? _snapshot;
    private long _step;

    /// <summary>A fresh model with its optimizer.</summary>
    public TrainingBench(ModelConfig model, int batch, int context, bool bf16)
    {
        _parameters = new FlatParameters(ParameterTable.Of(model), CPU, bf16, forTraining: true);
        _parameters.Initialize(1);
        _model = new Gpt(model, _parameters);
        _optimizer = Optimizer.Of(new OptimizerConfig { Name = "adamw", WeightDecay = 0.1, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8 }, _parameters);
        Seeds.Set(CPU, 1);
        _inputs = randint(0, model.VocabSize, [batch, context], dtype: ScalarType.Int64);
        _targets = randint(0, model.VocabSize, [batch, context], dtype: ScalarType.Int64);
    }

    /// <summary>Seconds of one step.</summary>
    public double Seconds()
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        _ = _model.ForwardBackward(new MicroBatch(_inputs, _targets, 1.0 / _targets.numel()));
        _optimizer.Step(++_step, 1e-4, 0.9, clip: 1);
        return clock.Elapsed.TotalSeconds;
    }

    /// <summary>What a checkpoint is written from.</summary>
    public CheckpointSnapshot Snapshot()
    {
        using var state = _optimizer.Gather();
        _snapshot ??= new CheckpointSnapshot(_parameters, state);
        _snapshot.Capture(state);
        return _snapshot;
    }

    public void Dispose()
    {
        _snapshot?.Dispose();
        _optimizer.Dispose();
        _parameters.Dispose();
        _inputs.Dispose();
        _targets.Dispose();
    }
}
