using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Text;
using Dtt.Data.Tokens;
using Dtt.Training.Checkpoints;
using Dtt.Training.Collectives;
using Dtt.Training.Data;
using Dtt.Training.Evaluation;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Optimizers;
using Dtt.Training.Ranks;
using Dtt.Training.Telemetry;
using static TorchSharp.torch;

namespace Dtt.Training;

/// <summary>What an attempt trains with, opened, checked and made before its first step. The weights hold nothing yet.</summary>
internal sealed class TrainSetup : IDisposable
{
    private readonly IReadOnlyList<TokenScratch?> _scratch;

    /// <summary>Opens tokens and tokenizer, meets the other ranks, and makes model and optimizer.</summary>
    /// <exception cref="BadDataException">Tokens or tokenizer are missing, damaged or do not fit each other.</exception>
    /// <exception cref="UserErrorException">
    /// The tokens are others than the run's, or the device cannot do what the configuration asks for, or has too little memory for it.
    /// </exception>
    public TrainSetup(TrainSpec spec, RunConfig config, IRankChannel channel)
    {
        TorchRuntime.Load();
        Reporter = new RankReporter(spec, config.TensorBoard, channel);
        Alive();
        _scratch = [.. spec.TokensFolders.Select(folder => config.Stage ? Stage(folder) : null)];
        var folders = spec.TokensFolders.Zip(_scratch, (folder, scratch) => scratch?.Folder ?? folder).ToList();
        Data = TrainingData.Open(folders, spec.TokenizerFolder, config, spec.GlobalBatchWindows, spec.WorldSize, Alive);
        TokenIdentity.Require(spec.TokenData, Data.Identity, spec.Run, spec.TokensFolders);
        if (spec.TokenData is not null) MixturePlan.Require(spec.Mixture, Data.Mixture, spec.Run);
        Device = TorchRuntime.Device(config.Cuda);
        if (TorchRuntime.IdleGpu(config.Cuda) is { } idle) Reporter.Tell(new RankEvent(EventKinds.IdleGpu, idle));
        if (config.Deterministic) TorchRuntime.UseDeterministicAlgorithms(Device);
        var bf16 = TorchRuntime.TrainsInBf16(config, Device);
        DeviceMemory.Require(new RunNeeds(config), Device, bf16, spec.WorldSize);
        Collective = Meeting.Join(spec, channel, Reporter.Collectives, Device.type);
        Batches = new MicroBatches(spec, config, Data, Device);
        Parameters = new FlatParameters(ParameterTable.Of(config.Model), Device, bf16, forTraining: true);
        if (Parameters.Kernels.Missing is { } missing)
            Reporter.Tell(new RankEvent(EventKinds.NoKernels, $"{missing}; torch's own kernels do the work, which takes more time and memory"));
        Model = new Gpt(config.Model, Parameters, Data.Vocabulary.EndOfText);
        Optimizer = Optimizer.Of(config.Optimizer, Parameters, config.ShardOptimizer ? Collective : null);
        Sync = Collective is null || config.ShardOptimizer ? null : new GradientSync(Parameters, Collective);
        Evaluator = new Evaluator(ValidationSet.Of(Data), config, Data.Vocabulary, Device, Collective);
        Choices = config.Choices is { } file ? new MultipleChoice(ChoiceFile.Read(file, config.MaxChoices, Data.Vocabulary), Collective) : null;
        Origin = new CheckpointOrigin(spec.Run, spec.Attempt, config.Seed, config.Model, Data.Vocabulary.Sha256,
            TorchRuntime.Fingerprint(Device, bf16, spec.WorldSize, Parameters.Kernels.Missing is null, config.Deterministic),
            Data.Plan.GlobalBatchWindows, Data.Identity,
            config.WindowsBeginWithDocuments ? "bos" : null, new PositionMap(spec.LeftOut))
        {
            Mixture = Data.Mixture,
        };
        Profile = config.Profile ? new StepProfile(new RunLayout(spec.RunFolder).Trace(spec.Attempt, spec.Rank), spec.Rank, Device) : null;
        PeakFlops = Parameters.Kernels.MatmulPeak(Parameters.Working.dtype) * spec.WorldSize;
    }

    /// <summary>Where the rank speaks.</summary>
    public RankReporter Reporter { get; }

    /// <summary>Tokens, tokenizer and the run's plan.</summary>
    public TrainingData Data { get; }

    /// <summary>Where the rank computes.</summary>
    public Device Device { get; }

    /// <summary>The other ranks; null for a rank alone.</summary>
    public ICollective? Collective { get; }

    /// <summary>This rank's share of each step's batch.</summary>
    public MicroBatches Batches { get; }

    /// <summary>The weights.</summary>
    public FlatParameters Parameters { get; }

    /// <summary>The model.</summary>
    public Gpt Model { get; }

    /// <summary>The optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>Sums gradients over the ranks; null: nobody does, or the optimizer does.</summary>
    public GradientSync? Sync { get; }

    /// <summary>Validation.</summary>
    public Evaluator Evaluator { get; }

    /// <summary>Multiple-choice questions, or null.</summary>
    public MultipleChoice? Choices { get; }

    /// <summary>What the attempt's checkpoints have in common.</summary>
    public CheckpointOrigin Origin { get; }

    /// <summary>Times the phases of steps, or null.</summary>
    public StepProfile? Profile { get; }

    /// <summary>Matrix multiplications that all ranks' devices can do, FLOP/s; null when that is not known.</summary>
    public double? PeakFlops { get; }

    public void Dispose()
    {
        Collective?.Dispose();
        Optimizer.Dispose();
        Parameters.Dispose();
        Batches.Dispose();
        Data.Dispose();
        foreach (var scratch in _scratch) scratch?.Dispose();
        Reporter.Dispose();
    }

    private void Alive() => Reporter.Beat(RankPhase.Init, 0);

    /// <summary>The tokens' copy on this node's own disk; null when it has no room for them.</summary>
    private TokenScratch? Stage(string tokensFolder)
    {
        try
        {
            var clock = Stopwatch.StartNew();
            var scratch = TokenScratch.Stage(tokensFolder, TokenScratch.Root(), Alive);
            var how = scratch.WasThere ? "found" : $"copied in {clock.Elapsed.TotalSeconds:0.0} s";
            Reporter.Tell(new RankEvent(EventKinds.Staged, $"tokens {how} in {scratch.Folder}"));
            return scratch;
        }
        catch (IOException e)
        {
            Reporter.Tell(new RankEvent(EventKinds.NotStaged, $"{e.Message.TrimEnd('.')}; tokens are read from {tokensFolder}"));
            return null;
        }
    }
}
