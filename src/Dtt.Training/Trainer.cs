using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Dtt.Core.Configuration;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Training.Checkpoints;
using Dtt.Training.Data;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Optimizers;
using Dtt.Training.Ranks;
using Dtt.Training.Sampling;
using Dtt.Training.Telemetry;
using static TorchSharp.torch;

namespace Dtt.Training;

/// <summary>
/// Trains one run in one attempt. Everything random is a function of (seed, purpose, step, micro-batch), and the data of the position alone, so the state
/// of a run is its weights, its moments and the number of steps.
/// </summary>
internal sealed class Trainer : IDisposable
{
    private const int SampleTokens = 64;
    private readonly TrainSpec _spec;
    private readonly RunConfig _config;
    private readonly IRankChannel _channel;
    private readonly TrainSetup _setup;
    private readonly Gpt _model;
    private readonly Optimizer _optimizer;
    private readonly StepProfile? _profile;
    private readonly CheckpointSaver _checkpoints;
    private readonly StepReadback _readback;
    private readonly SaveSchedule? _schedule; // on rank 0, which decides for all
    private SpikeWatch? _spikes;
    private LossSpike? _spike; // found: nothing is computed after it
    private bool _stopping, _saveDue;
    private double _trainLoss;
    private double? _stepSeconds;

    /// <summary>Opens tokens and tokenizer and makes the model; nothing is loaded yet.</summary>
    /// <param name="spec">The attempt.</param>
    /// <param name="config">The run's configuration.</param>
    /// <param name="channel">The host.</param>
    /// <param name="lag">How many steps late their numbers are read, see <see cref="StepReadback"/>.</param>
    /// <exception cref="UserErrorException">See <see cref="TrainSetup"/>.</exception>
    public Trainer(TrainSpec spec, RunConfig config, IRankChannel channel, int? lag = null)
    {
        (_spec, _config, _channel, _setup) = (spec, config, channel, new TrainSetup(spec, config, channel));
        (_model, _optimizer, _profile) = (_setup.Model, _setup.Optimizer, _setup.Profile);
        _checkpoints = new CheckpointSaver(spec, _setup.Origin, _setup.Parameters, _optimizer, channel);
        _readback = new StepReadback(_setup.Device, lag);
        _schedule = config.SavesBySchedule && spec.Rank == 0 ? new SaveSchedule(spec.FailureSeconds, TimeProvider.System) : null;
    }

    private RunPlan Plan => _setup.Data.Plan;

    /// <summary>Trains to the end, or to the end of the step in which the host asks to stop.</summary>
    /// <exception cref="UserErrorException">The loss became NaN, the host refused a commit, or the last checkpoint could not be written.</exception>
    public RankFinished Run()
    {
        try
        {
            return RunToTheEnd();
        }
        catch (ExternalException e) when (TorchRuntime.IsOutOfMemory(e))
        {
            throw new RunNeeds(_config).OutOfMemory(e);
        }
    }

    private RankFinished RunToTheEnd()
    {
        var restore = new CheckpointRestore(_spec, _setup.Origin, _setup.Parameters, _optimizer, Tell);
        var step = restore.Run();
        _spikes = _config.Spike is { } spike ? new SpikeWatch(spike, restore.RecentLosses) : null;
        RequireSameStart(step);
        if (step > Plan.TotalSteps)
        {
            throw new UserErrorException($"{step:N0} steps are done, and by its max_steps, max_tokens and epochs the run has {Plan.TotalSteps:N0}: "
                + $"make it longer with `dtt resume {_spec.Run} --set …`.", ExitCodes.BadConfiguration);
        }

        TellStarted(step);
        if (step == 0) Evaluate(0);
        while (step < Plan.TotalSteps && !_stopping)
        {
            TrainStep(step++);
            Report(_readback.Read());
            _checkpoints.ThrowIfFailed();
            var last = step == Plan.TotalSteps;
            var (evaluates, saves) = (last || Due(_config.EvalEvery, step), last || Due(_config.SaveEvery, step) || _saveDue);
            if (evaluates || saves || _stopping) Report(_readback.Read(all: true));
            if (_spike is not null) return GoBack(_spike);
            var valLoss = evaluates ? Evaluate(step) : null;
            if (saves || _stopping) Save(step, valLoss, last: last || _stopping);
        }

        if (_config.Wandb && _setup.Reporter.Events is { } events)
        {
            Tell(new RankEvent(EventKinds.Wandb,
                $"send the curves to W&B with: wandb sync --sync-tensorboard -p {_config.Name} --id {_spec.Run} {events.Folder}"));
        }

        _setup.Collective?.Complete();
        return new RankFinished(step, Completed: step == Plan.TotalSteps);
    }

    public void Dispose()
    {
        _checkpoints.Dispose();
        _readback.Dispose();
        _setup.Dispose();
    }

    /// <summary>Ends the attempt for a spike: what was saved before it is committed first, and is what the run goes on from.</summary>
    private RankFinished GoBack(LossSpike spike)
    {
        Beat(RankPhase.Save, spike.Step); // a save that is under way has its time, also for the ranks that wait for rank 0
        _checkpoints.Wait();
        CrashPoint.Reach("rank.spike");
        _setup.Collective?.Complete();
        return new RankFinished(spike.Step, Completed: false) { Spike = spike };
    }

    /// <summary>Queues one update: learning rate, micro-batches, gradient sync, clip, step. Nothing in it waits for the device.</summary>
    private void TrainStep(long step)
    {
        using var scope = NewDisposeScope();
        _readback.Begin();
        var (rate, momentum) = LearningRate.At(_config.LearningRate, step, Plan.TotalSteps);
        var sums = ComputeGradient(step);                                                              // (3)
        Tensor norm;                                                                                   // ()
        using (_profile?.Measure(MetricNames.OptimizerSeconds))
            norm = _optimizer.Step(step + 1, rate, momentum ?? _config.Optimizer.Momentum, _config.GradClip);
        _readback.Queue(new QueuedStep(step + 1, rate, _profile?.EndStep() ?? []), cat([sums, norm.view(1)]));
    }

    /// <summary>The step's gradient, summed over its micro-batches and all ranks.</summary>
    /// <returns>
    /// (3) fp32, over all ranks: the summed loss, how many were asked to stop, and whether rank 0 finds a save due: all leave, and save, after the same step.
    /// </returns>
    private Tensor ComputeGradient(long step)
    {
        var (batches, sync) = (_setup.Batches, _setup.Sync);
        var loss = zeros([], dtype: float32, device: _setup.Device);
        for (var micro = batches.First; micro < batches.End; micro++)
        {
            using var scope = NewDisposeScope();
            Beat(RankPhase.Train, step);
            MicroBatch batch;
            using (_profile?.Measure(MetricNames.DataSeconds)) batch = batches.Read(step, micro);
            var last = micro + 1 == batches.End; // then each block's gradient is complete, and goes to the other ranks beside the backward of those before it
            loss.add_(_model.ForwardBackward(batch, _config.ActivationCheckpointing, _profile, last && sync is not null ? sync.Complete : null), Number.One);
        }

        Beat(RankPhase.Train, step);
        using var span = _profile?.Measure(MetricNames.AllReduceSeconds);
        sync?.Finish();
        _optimizer.ReduceScatter();
        var sums = stack([loss, Flag(_channel.StopRequested), Flag(_schedule?.IsDue == true)]);
        _setup.Collective?.AllReduce(sums);
        return sums;

        Tensor Flag(bool value) => value ? ones_like(loss) : zeros_like(loss);
    }

    /// <summary>Checks steps whose numbers have arrived, and reports them.</summary>
    private void Report(IEnumerable<StepNumbers> steps)
    {
        if (_spike is not null) return;
        foreach (var done in steps)
        {
            var step = done.Queued;
            _setup.Collective?.ThrowIfBroken();
            _stopping |= done.StopRequested;
            _saveDue |= done.SaveRequested;
            _stepSeconds = done.Seconds;
            _setup.Reporter.StepTook(done.Seconds);
            _trainLoss = done.LossSum / Plan.TokensPerStep;
            _spike = Spike(step.Step, done.GradNorm);
            if (_spike is null && (!double.IsFinite(_trainLoss) || !float.IsFinite(done.GradNorm))) throw NotFinite(step.Step, done.GradNorm);
            if (_spec.Rank == 0) TellOf(done);
            if (_spike is not null) return;
        }
    }

    /// <summary>Whether a step is a spike for which the run goes back: the rule of every rank, over numbers that are the same on all.</summary>
    private LossSpike? Spike(long step, double gradNorm)
    {
        var spike = _spikes?.Look(step, _trainLoss, gradNorm);
        if (spike is null || SpikeRules.WhyNotLeftOut(_spec.LeftOut, step) is not { } reason)
        {
            if (spike is null) _spikes?.Add(_trainLoss);
            return spike;
        }

        Tell(new RankEvent(EventKinds.Spike, $"step {step}: {spike.InWords}, but {reason}; nothing more is left out for it"));
        _spikes!.Add(_trainLoss);
        return null;
    }

    /// <summary>Logs and reports a step.</summary>
    private void TellOf(StepNumbers done)
    {
        var (step, tokensPerSecond) = (done.Queued, Plan.TokensPerStep / done.Seconds);
        var values = new Dictionary<string, double>(step.Phases)
        {
            [MetricNames.TrainLoss] = _trainLoss,
            [MetricNames.LearningRate] = step.LearningRate,
            [MetricNames.GradNorm] = done.GradNorm,
            [MetricNames.StepSeconds] = done.Seconds,
            [MetricNames.TokensPerSecond] = tokensPerSecond,
            [MetricNames.MemoryBytes] = DeviceMemory.InUse(_setup.Device),
        };
        if (_setup.PeakFlops is { } peak) values[MetricNames.Mfu] = tokensPerSecond * new ModelArithmetic(_config.Model).FlopsPerToken / peak;
        var row = new StepMetrics(step.Step, values);
        RankReporter.Print(StepLine.Format(row, Plan.TotalSteps));
        Tell(new MetricsReport([row]));
    }

    /// <summary>Validation loss, and a sample from the validation prompt.</summary>
    private double? Evaluate(long step)
    {
        void Alive() => Beat(RankPhase.Evaluate, step);
        var result = _setup.Evaluator.Run(_model, Alive);
        var answers = _setup.Choices?.Run(_model, Alive);
        var valLoss = result?[MetricNames.ValLoss];
        if (_spec.Rank != 0) return valLoss;
        foreach (var values in new[] { result, answers }.OfType<IReadOnlyDictionary<string, double>>())
            Tell(new MetricsReport([new StepMetrics(step, values)]));
        if (!_spec.TakeSamples) return valLoss;
        var text = new StringBuilder(_config.ValPrompt);
        var seed = (long)Mixing.Seed(_config.Seed, Purpose.Sample, step);
        var choice = new TokenChoice(_config.Temperature, TopK: 50);
        _ = new Sampler(_model, _setup.Data.Vocabulary).Continue(_config.ValPrompt, SampleTokens, choice, seed, s => text.Append(s));
        Tell(new TrainingSample(step, step * Plan.TokensPerStep, text.ToString()));
        return valLoss;
    }

    private void Save(long step, double? valLoss, bool last)
    {
        var clock = Stopwatch.StartNew();
        _checkpoints.Save(step, _trainLoss, valLoss, _spikes?.Recent, last, () => Beat(RankPhase.Save, step));
        _saveDue = false;
        if (_schedule?.Saved(clock.Elapsed.TotalSeconds, _stepSeconds) is { } plan) Tell(plan);
        Tell(new MetricsReport([new StepMetrics(step, new Dictionary<string, double> { [MetricNames.SaveStallSeconds] = clock.Elapsed.TotalSeconds })]));
    }

    /// <summary>Every rank must have read the same checkpoint; whether a stop was requested by now is what rank 0 says.</summary>
    private void RequireSameStart(long step)
    {
        _stopping = _channel.StopRequested;
        if (_setup.Collective is not { } collective) return;
        using var scope = NewDisposeScope();
        var first = tensor(new[] { (float)step, _stopping ? 1 : 0 }, device: _setup.Device);
        collective.Broadcast(first, root: 0);
        _stopping = Number.Of(first[1]) > 0;
        if (Number.Of(first[0]) == step) return;
        throw new UserErrorException($"rank {_spec.Rank} could read the checkpoint of step {step}, and rank 0 that of step {Number.Of(first[0])}: "
            + $"the ranks do not see the same files. Look at the file system, then `dtt resume {_spec.Run}`.");
    }

    private void TellStarted(long step)
    {
        var device = _setup.Device.type.ToString().ToLowerInvariant();
        var ranks = _spec.WorldSize > 1 ? $", {_spec.WorldSize} ranks" : "";
        Tell(new RankStarted
        {
            FromStep = step,
            Plan = Plan,
            TokenData = _setup.Origin.TokenData,
            Mixture = _setup.Origin.Mixture,
            Fingerprint = _setup.Origin.Fingerprint,
            Parameters = _setup.Parameters.Table.Sum(p => p.Count),
            Device = $"{device}, {TorchRuntime.Threads} threads, {(_setup.Parameters.IsBf16 ? "bf16" : "fp32")}{ranks}",
        });
        if (_setup.Evaluator.Without is not { Count: > 0 } without) return;
        var which = _setup.Evaluator.HasWindows ? $" of {string.Join(", ", without)}" : "";
        Tell(new RankEvent(EventKinds.NoValidation, $"the validation shards{which} hold no window of {_config.Model.ContextLength + 1} tokens, "
            + $"so there will be no validation loss{which}; raise val_fraction and tokenize again"));
    }

    /// <summary>What the user is told of a step whose numbers are not finite.</summary>
    private UserErrorException NotFinite(long step, float norm)
    {
        using var scope = NewDisposeScope();
        // When a later step took the gradient's place, it is computed again: no update was applied since.
        if (_readback.HasUnread) _ = ComputeGradient(step - 1);
        var names = float.IsFinite(norm) ? [] : _setup.Parameters.NonFiniteGradients();
        var more = names.Count > 3 ? $" and {names.Count - 3} more" : "";
        var where = names.Count == 0 ? "" : $" The gradient of {string.Join(", ", names.Take(3))}{more} is not finite.";
        return new UserErrorException($"step {step}: the loss is {_trainLoss}, the gradient's norm {norm}.{where} "
            + "The update was not applied and the last checkpoint stays. "
            + "Lower lr_schedule.params.lr_max, lengthen warmup_steps, or lower grad_clip, and start again.");
    }

    private void Tell(RankMessage message) => _setup.Reporter.Tell(message);

    private void Beat(RankPhase phase, long step) => _setup.Reporter.Beat(phase, step);

    private static bool Due(int every, long step) => every > 0 && step % every == 0;
}
