using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Tokens;
using Dtt.Training.Checkpoints;
using Dtt.Training.Collectives;
using Dtt.Training.Data;
using Dtt.Training.Evaluation;
using Dtt.Training.Kernels;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Optimizers;
using Dtt.Training.Ranks;
using Dtt.Training.Sampling;
using Dtt.Training.Telemetry;
using TorchSharp;
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
    private readonly IRankChannel _channel;
    private readonly RunConfig _config;
    private readonly Device _device;
    private readonly TokenScratch? _scratch;
    private readonly TrainingData _data;
    private readonly BatchSource _batches;
    private readonly Evaluator _evaluator;
    private readonly MultipleChoice? _choices;
    private readonly FlatParameters _parameters;
    private readonly Gpt _model;
    private readonly Optimizer _optimizer;
    private readonly string _fingerprint;
    private readonly double? _peakFlops;
    private readonly BlackBox? _blackBox;
    private readonly ICollective? _collective;
    private readonly GradientSync? _sync;
    private readonly CheckpointWriter _writer = new();
    private readonly StepProfile? _profile;
    private readonly EventFiles? _events;
    private CheckpointSnapshot? _snapshot;
    private bool _stopping;
    private double? _trainLoss;

    private RunPlan Plan => _data.Plan;

    /// <summary>Opens tokens and tokenizer and makes the model; nothing is loaded yet.</summary>
    /// <exception cref="BadDataException">Tokens or tokenizer are missing, damaged or do not fit each other.</exception>
    public Trainer(TrainSpec spec, RunConfig config, IRankChannel channel)
    {
        (_spec, _channel, _config) = (spec, channel, config);
        _blackBox = spec.BlackBoxFile is { } box ? BlackBox.Open(box) : null;
        Beat(RankPhase.Init, 0);
        _scratch = config.Stage ? Stage() : null;
        _data = TrainingData.Open(_scratch?.Folder ?? spec.TokensFolder, spec.TokenizerFolder, config, spec.GlobalBatchWindows, spec.WorldSize);
        _batches = BatchSource.ForTraining(_data.Train, _data.Windows, config.Seed);
        TorchRuntime.Load();
        _device = TorchRuntime.Device(config.Cuda);
        if (config.Deterministic && _device.type != DeviceType.CPU)
            throw new UserErrorException("'deterministic: true' is not available on a GPU yet: leave it out, or train on the CPU with 'cuda: false'.", ExitCodes.BadConfiguration);
        var bf16 = TorchRuntime.TrainsInBf16(config, _device);
        RequireMemory(bf16);
        _profile = config.Profile ? new StepProfile(Path.Combine(spec.RunFolder, "profile", $"trace.a{spec.Attempt:00}{(spec.Rank > 0 ? $".r{spec.Rank}" : "")}.json"), spec.Rank, _device) : null;
        _events = config.TensorBoard && spec.Rank == 0 ? new EventFiles(spec.RunFolder, spec.Attempt) : null;
        _fingerprint = TorchRuntime.Fingerprint(_device, bf16, spec.WorldSize);
        _collective = Meeting.Join(spec, channel, _blackBox, _device.type);
        _parameters = new FlatParameters(ParameterTable.Of(config.Model), _device, bf16, forTraining: true);
        _model = new Gpt(config.Model, _parameters);
        _optimizer = Optimizer.Of(config.Optimizer, _parameters, config.ShardOptimizer ? _collective : null);
        _choices = config.Choices is { } file ? new MultipleChoice(ChoiceFile.Read(file, config.MaxChoices, _data.Vocabulary), _collective) : null;
        _sync = _collective is null || config.ShardOptimizer ? null : new GradientSync(_parameters, _collective);
        _evaluator = new Evaluator(_data.Val, config, _data.Vocabulary, _device, _collective);
        _peakFlops = MatmulPeak.Measure(_device, _parameters.Working.dtype) * spec.WorldSize;
    }

    /// <summary>Trains to the end, or to the end of the step in which the host asks to stop.</summary>
    /// <exception cref="UserErrorException">The loss became NaN, the host refused a commit, or the last checkpoint could not be written.</exception>
    public RankFinished Run()
    {
        var step = LoadNewest();
        RequireSameStart(step);
        Tell(new RankStarted
        {
            FromStep = step,
            Plan = Plan,
            Fingerprint = _fingerprint,
            Parameters = _parameters.Table.Sum(p => p.Count),
            Device = $"{_device.type.ToString().ToLowerInvariant()}, {TorchRuntime.Threads} threads, {(_parameters.IsBf16 ? "bf16" : "fp32")}{(_spec.WorldSize > 1 ? $", {_spec.WorldSize} ranks" : "")}",
        });
        if (!_evaluator.HasWindows)
            Tell(new RankEvent("no_validation", $"the validation shards hold no window of {_config.Model.ContextLength + 1} tokens, so there will be no validation loss; raise val_fraction and tokenize again"));
        if (step == 0) Evaluate(0);
        while (step < Plan.TotalSteps && !_stopping)
        {
            TrainStep(step++);
            _writer.ThrowIfFailed();
            var last = step == Plan.TotalSteps || _stopping;
            var valLoss = step == Plan.TotalSteps || Due(_config.EvalEvery, step) ? Evaluate(step) : null;
            if (last || Due(_config.SaveEvery, step)) Save(step, valLoss, last);
        }

        if (_config.Wandb && _events is { } events) Tell(new RankEvent("wandb", $"send the curves to W&B with: wandb sync --sync-tensorboard -p {_config.Name} --id {_spec.Run} {events.Folder}"));
        return new RankFinished(step, Completed: step == Plan.TotalSteps);
    }

    public void Dispose()
    {
        _writer.Dispose();
        _snapshot?.Dispose();
        _collective?.Dispose();
        _optimizer.Dispose();
        _parameters.Dispose();
        _batches.Dispose();
        _data.Dispose();
        _scratch?.Dispose();
        _blackBox?.Dispose();
    }

    /// <summary>One update: learning rate, micro-batches, gradient sync, clip, step, report.</summary>
    private void TrainStep(long step)
    {
        using var scope = NewDisposeScope();
        var clock = Stopwatch.StartNew();
        var (rate, momentum) = LearningRate.At(_config.LearningRate, step, Plan.TotalSteps);
        var loss = zeros([], dtype: float32, device: _device);
        var (first, end) = StepPlan.DealtTo(_spec.Rank, _spec.WorldSize, StepPlan.MicroBatches(Plan.GlobalBatchWindows, _config.MicroBatchSize));
        for (var micro = first; micro < end; micro++)
        {
            using var microScope = NewDisposeScope();
            Beat(RankPhase.Train, step);
            Tensor inputs, targets;                                                                                // (B, T) each
            using (_profile?.Measure(MetricNames.DataSeconds)) (inputs, targets) = _batches.Read(WindowsOf(step, micro), _device);
            var (nextStep, nextMicro) = micro + 1 < end ? (step, micro + 1) : (step + 1, first);
            if (nextStep < Plan.TotalSteps) _batches.ReadAhead(WindowsOf(nextStep, nextMicro));
            var dropoutSeed = Mixing.Seed(_config.Seed, Purpose.Dropout, step, micro);

            // Each micro-batch is divided by the whole step's tokens, so that gradients add up to the mean's whatever the division.
            loss.add_(_model.ForwardBackward(inputs, targets, 1.0 / Plan.TokensPerStep, dropoutSeed, _config.ActivationCheckpointing, _profile, micro + 1 == end && _sync is not null ? _sync.Complete : null), Number.One);
        }

        Beat(RankPhase.Train, step);
        using (_profile?.Measure(MetricNames.AllReduceSeconds))
        {
            _sync?.Finish();
            _optimizer.ReduceScatter();
            _stopping = Agree(loss);
        }

        float norm;
        using (_profile?.Measure(MetricNames.OptimizerSeconds)) norm = _optimizer.Step(step + 1, rate, momentum ?? _config.Optimizer.Momentum, _config.GradClip);
        _trainLoss = Number.Of(loss) / Plan.TokensPerStep;
        _collective?.ThrowIfBroken();
        if (!double.IsFinite(_trainLoss.Value) || !float.IsFinite(norm)) throw NotFinite(step + 1, norm);
        Report(step + 1, clock.Elapsed.TotalSeconds, rate, norm);
    }

    /// <summary>The positions of a step's micro-batch: the last one of a step may be smaller.</summary>
    private (long Start, int Count) WindowsOf(long step, long micro)
    {
        var at = micro * _config.MicroBatchSize;
        return (step * Plan.GlobalBatchWindows + at, (int)Math.Min(_config.MicroBatchSize, Plan.GlobalBatchWindows - at));
    }

    /// <summary>Sums the loss over all ranks, and gives whether rank 0 was asked to stop: all must leave after the same step.</summary>
    private bool Agree(Tensor loss)
    {
        if (_collective is null) return _channel.StopRequested;
        var together = stack([loss, tensor(_channel.StopRequested ? 1f : 0f, device: _device)]);      // (2)
        _collective.AllReduce(together);
        loss.copy_(together[0]);
        return Number.Of(together[1]) > 0;
    }

    /// <summary>Every rank must have read the same checkpoint; and a stop that was asked for by now is rank 0's to tell.</summary>
    private void RequireSameStart(long step)
    {
        _stopping = _channel.StopRequested;
        if (_collective is null) return;
        using var scope = NewDisposeScope();
        var first = tensor(new[] { (float)step, _stopping ? 1 : 0 }, device: _device);
        _collective.Broadcast(first, root: 0);
        _stopping = Number.Of(first[1]) > 0;
        if (Number.Of(first[0]) != step)
            throw new UserErrorException($"rank {_spec.Rank} could read the checkpoint of step {step}, and rank 0 that of step {Number.Of(first[0])}: the ranks do not see the same files. Look at the file system, then `dtt resume {_spec.Run}`.");
    }

    /// <summary>Rank 0 speaks for all.</summary>
    private void Tell(RankMessage message)
    {
        if (_spec.Rank != 0) return;
        _channel.Send(message);
        if (_events?.Take(message) is { } failure) _channel.Send(new RankEvent("tensorboard", failure));
    }

    private void Report(long step, double seconds, double rate, double norm)
    {
        var values = new Dictionary<string, double>();
        _profile?.EndStep(values);
        if (_spec.Rank != 0) return;
        var tokensPerSecond = Plan.TokensPerStep / seconds;
        values[MetricNames.TrainLoss] = _trainLoss!.Value;
        values[MetricNames.LearningRate] = rate;
        values[MetricNames.GradNorm] = norm;
        values[MetricNames.StepSeconds] = seconds;
        values[MetricNames.TokensPerSecond] = tokensPerSecond;
        values[MetricNames.MemoryBytes] = Environment.WorkingSet;
        if (_peakFlops is { } peak) values[MetricNames.Mfu] = tokensPerSecond * new ModelArithmetic(_config.Model).FlopsPerToken / peak;
        var row = new StepMetrics(step, values);
        Print(StepLine.Format(row, Plan.TotalSteps));
        Tell(new MetricsReport([row]));
    }

    /// <summary>A line of the log; one that a full disk does not take is lost, its numbers are among the metrics.</summary>
    private static void Print(string line)
    {
        try
        {
            Console.Error.WriteLine(line);
        }
        catch (IOException)
        {
            // Training goes on: the next checkpoint says that the disk is full.
        }
    }

    private UserErrorException NotFinite(long step, float norm)
    {
        var names = float.IsFinite(norm) ? [] : _parameters.NonFiniteGradients();
        var where = names.Count == 0 ? "" : $" The gradient of {string.Join(", ", names.Take(3))}{(names.Count > 3 ? $" and {names.Count - 3} more" : "")} is not finite.";
        return new UserErrorException($"step {step}: the loss is {_trainLoss}, the gradient's norm {norm}.{where} The update was not applied and the last checkpoint stays. "
            + "Lower lr_schedule.params.lr_max, lengthen warmup_steps, or lower grad_clip, and start again.");
    }

    /// <summary>Validation loss, and a sample from the validation prompt.</summary>
    private double? Evaluate(long step)
    {
        void Alive() => Beat(RankPhase.Evaluate, step);
        var result = _evaluator.Run(_model, Alive);
        var answers = _choices?.Run(_model, Alive);
        if (_spec.Rank != 0) return result?[MetricNames.ValLoss];
        foreach (var values in new[] { result, answers }.OfType<IReadOnlyDictionary<string, double>>()) Tell(new MetricsReport([new StepMetrics(step, values)]));
        var text = new System.Text.StringBuilder(_config.ValPrompt);
        var seed = (long)Mixing.Seed(_config.Seed, Purpose.Sample, step);
        _ = new Sampler(_model, _data.Vocabulary).Continue(_config.ValPrompt, SampleTokens, new TokenChoice(_config.Temperature, TopK: 50), seed, s => text.Append(s));
        Tell(new TrainingSample(step, step * Plan.TokensPerStep, text.ToString()));
        return result?[MetricNames.ValLoss];
    }

    /// <summary>Copies the state to host memory, from which it is written and committed while training goes on; the last time that is waited for.</summary>
    private void Save(long step, double? valLoss, bool last)
    {
        var clock = Stopwatch.StartNew();
        Beat(RankPhase.Save, step);
        _writer.Wait();
        Beat(RankPhase.Save, step);
        using var state = _optimizer.Gather();
        if (_spec.Rank != 0) return;
        _snapshot ??= new CheckpointSnapshot(_parameters, state);
        _snapshot.Take(state);
        var checkpoint = new CommittedCheckpoint { Step = step, Attempt = _spec.Attempt, ManifestSha256 = "", WeightsSha256 = "", SizeBytes = 0, TrainLoss = _trainLoss, ValLoss = valLoss };
        _writer.Begin(() => Write(_snapshot, checkpoint, mustSucceed: last), yields: !last);
        if (last) _writer.Wait();
        Tell(new MetricsReport([new StepMetrics(step, new Dictionary<string, double> { [MetricNames.SaveStallSeconds] = clock.Elapsed.TotalSeconds })]));
    }

    /// <summary>Writes a checkpoint and has it committed. When the disk would not take it and the run can go on without, that is said and no more.</summary>
    private void Write(CheckpointSnapshot snapshot, CommittedCheckpoint checkpoint, bool mustSucceed)
    {
        var folder = Path.Combine(_spec.RunFolder, "checkpoints", checkpoint.FolderName);
        try
        {
            var written = CheckpointFolder.Write(folder, ManifestOf(checkpoint.Step), snapshot.Weights, snapshot.State);
            var reply = _channel.Commit(checkpoint with { ManifestSha256 = written.ManifestSha256, WeightsSha256 = written.WeightsSha256, SizeBytes = written.Bytes });
            if (reply.Transient) throw new IOException(reply.Reason);
            if (!reply.Accepted) throw new UserErrorException($"the checkpoint of step {checkpoint.Step} was refused: {reply.Reason}.", ExitCodes.Requeue);
        }
        catch (IOException e)
        {
            var what = $"the checkpoint of step {checkpoint.Step} could not be written ({e.Message.TrimEnd('.')})";
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
            if (mustSucceed) throw new UserErrorException($"{what}. The previous checkpoint stays; free some space and `dtt resume {_spec.Run}`.", inner: e);
            _channel.Send(new RankEvent("save_failed", $"{what}; training goes on, and the previous checkpoint stays"));
        }
    }

    private CheckpointManifest ManifestOf(long step) => new()
    {
        Format = CheckpointManifest.CurrentFormat,
        Run = _spec.Run,
        Attempt = _spec.Attempt,
        Step = step,
        Position = step * Plan.GlobalBatchWindows,
        OrderVersion = WindowOrder.Version,
        Seed = _config.Seed,
        Model = _config.Model,
        TokenizerSha256 = _data.Index.Source.TokenizerSha256,
        Fingerprint = _fingerprint,
        WeightsSha256 = "",
        Files = [],
    };

    /// <summary>Loads the newest committed checkpoint that is whole, or fresh weights when there never was one.</summary>
    private long LoadNewest()
    {
        foreach (var checkpoint in _spec.ResumeFrom)
        {
            var folder = Path.Combine(_spec.RunFolder, "checkpoints", checkpoint.FolderName);
            try
            {
                var manifest = CheckpointFolder.ReadManifest(folder, checkpoint.ManifestSha256);
                if (manifest.OrderVersion != WindowOrder.Version)
                    throw new BadDataException($"{folder} follows version {manifest.OrderVersion} of the data order; this version of DTT has {WindowOrder.Version}.");
                CheckpointFolder.Load(folder, manifest, _config.Model, _parameters, _optimizer);
                if (manifest.Fingerprint != _fingerprint)
                    Tell(new RankEvent("fingerprint", $"resuming under other numerics: same windows, but not the same bits ({manifest.Fingerprint} → {_fingerprint})"));
                _trainLoss = checkpoint.TrainLoss;
                return checkpoint.Step;
            }
            catch (BadDataException e)
            {
                Tell(new RankEvent("unreadable", $"{e.Message} Trying the checkpoint before it."));
            }
        }

        if (_spec.ResumeFrom.Count > 0)
            throw new BadDataException($"no checkpoint of run '{_spec.Run}' could be read (see `dtt show {_spec.Run}`); restore one from a backup, or start a new run.");
        if (_spec.InitFrom is { } start) InitializeFrom(start);
        else _parameters.Initialize(_config.Seed);
        return 0;
    }

    /// <summary>The weights of another run's checkpoint.</summary>
    private void InitializeFrom(CheckpointPlace start)
    {
        var manifest = CheckpointFolder.ReadManifest(start.Folder, start.ManifestSha256);
        if (manifest.TokenizerSha256 != _data.Index.Source.TokenizerSha256)
            throw new BadDataException($"init_from: {start.Folder} was trained with another tokenizer than the one of these tokens; tokenize the text with its tokenizer.");
        CheckpointFolder.Load(start.Folder, manifest, _config.Model, _parameters, optimizer: null);
        Tell(new RankEvent("init_from", $"weights of run '{manifest.Run}' after step {manifest.Step}"));
    }

    /// <summary>A model that does not fit is refused before its first buffer.</summary>
    private void RequireMemory(bool bf16)
    {
        var needs = new RunNeeds(_config);
        if (_device.type == DeviceType.CUDA) needs.RequireMemory(needs.DeviceBytes(bf16, _spec.WorldSize), CudaRuntime.Memory().Free, "the GPU");
        else needs.RequireMemory(needs.HostBytes(bf16, _spec.WorldSize), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, "this machine");
    }

    /// <summary>The tokens' copy on this node's own disk; null when it has no room for them.</summary>
    private TokenScratch? Stage()
    {
        try
        {
            var clock = Stopwatch.StartNew();
            var scratch = TokenScratch.Stage(_spec.TokensFolder, TokenScratch.Root(), () => Beat(RankPhase.Init, 0));
            Tell(new RankEvent("staged", $"tokens {(scratch.WasThere ? "found" : $"copied in {clock.Elapsed.TotalSeconds:0.0} s")} in {scratch.Folder}"));
            return scratch;
        }
        catch (IOException e)
        {
            Tell(new RankEvent("not_staged", $"{e.Message.TrimEnd('.')}; tokens are read from {_spec.TokensFolder}"));
            return null;
        }
    }

    /// <summary>A sign of life, which the host looks for.</summary>
    private void Beat(RankPhase phase, long step) => _blackBox?.Write(phase, step);

    private static bool Due(int every, long step) => every > 0 && step % every == 0;
}
