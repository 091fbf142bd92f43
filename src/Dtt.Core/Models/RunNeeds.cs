using Dtt.Core.Configuration;
using Dtt.Core.Errors;

namespace Dtt.Core.Models;

/// <summary>What a run needs of the machine, estimated before it starts: a plan that cannot fit is refused before anything is lost.</summary>
public sealed class RunNeeds(RunConfig config)
{
    /// <summary>Share of a GPU's free memory that no run is given: the allocator's gaps and the libraries' workspaces take some.</summary>
    public const double GpuReserve = 0.06;

    private readonly ModelArithmetic _model = new(config.Model);

    /// <summary>Bytes of one checkpoint.</summary>
    public long CheckpointBytes => _model.CheckpointBytes(config.Optimizer.Name);

    /// <summary>Most checkpoints on the disk at once: the newest, the best, and the one being written; fewer when fewer are ever saved.</summary>
    /// <param name="totalSteps">Steps of the run.</param>
    public long Checkpoints(long totalSteps) =>
        Math.Min(config.Keep + 2L, config.SavesBySchedule ? totalSteps : config.SaveEvery > 0 ? (totalSteps + config.SaveEvery - 1) / config.SaveEvery : 1);

    /// <summary>Bytes of memory on a GPU: weights, gradients, optimizer state and one micro-batch's activations.</summary>
    /// <param name="bf16">Whether the working copy is bf16.</param>
    /// <param name="ranks">Ranks that share the optimizer's state, if it is shared.</param>
    public long DeviceBytes(bool bf16, int ranks = 1) => RankBytes(bf16, ranks, onCpu: false);

    /// <summary>Bytes of host memory of ranks on a CPU: each has what a device would, and the first one a checkpoint to write from.</summary>
    public long HostBytes(bool bf16, int ranks) =>
        (long)Math.Min((double)ranks * RankBytes(bf16, ranks, onCpu: true) + CheckpointBytes, 1e18);

    /// <summary>Refuses a run that cannot fit in memory.</summary>
    /// <param name="needed">What it needs, bytes.</param>
    /// <param name="available">What there is, bytes.</param>
    /// <param name="place">Whose memory it is, as the message names it.</param>
    /// <exception cref="UserErrorException">It cannot.</exception>
    public void RequireMemory(long needed, long available, string place)
    {
        if (needed <= available) return;
        long On(bool cpu) => _model.ActivationBytes(config.MicroBatchSize, bf16: true, config.ActivationCheckpointing, onCpu: cpu);
        var activations = Math.Min(On(cpu: true), On(cpu: false));
        throw new UserErrorException($"this run needs about {Gb(needed)} of memory, at least {Gb(activations)} of it for a micro-batch of "
            + $"{config.MicroBatchSize} × {config.Model.ContextLength:N0} tokens, but {place} has {Gb(available)}. {Advice}", ExitCodes.BadConfiguration);
    }

    /// <summary>What is said when memory ran out although the estimate fitted.</summary>
    /// <param name="cause">What could not be had, in torch's words, of which the first line is told.</param>
    public UserErrorException OutOfMemory(Exception cause) => new($"memory ran out: {cause.Message.Split('\n')[0].TrimEnd('.')}. {Advice}", inner: cause);

    private string Advice =>
        $"Lower batch_size and raise grad_accumulation_steps, {(config.ActivationCheckpointing ? "" : "set activation_checkpointing: true, ")}"
        + "or use a smaller model; `dtt train --dry-run` shows the estimate.";

    /// <summary>
    /// Refuses a new run whose checkpoints cannot fit on the disk. One that has begun is never refused for this: a save that fails is retried.
    /// </summary>
    /// <param name="totalSteps">Steps of the run.</param>
    /// <param name="free">Free bytes.</param>
    /// <param name="folder">Where they go.</param>
    /// <exception cref="UserErrorException">They cannot.</exception>
    public void RequireDisk(long totalSteps, long free, string folder)
    {
        var checkpoints = Checkpoints(totalSteps);
        if ((double)checkpoints * CheckpointBytes <= free) return;
        throw new UserErrorException($"{folder} has {Gb(free)} free, but needs room for {checkpoints} checkpoints of {Gb(CheckpointBytes)} "
            + $"(keep: {config.Keep}, the best one, and the one being written). "
            + "Free some space, lower keep, or put runs elsewhere in configs/path_templates.yaml.", ExitCodes.BadConfiguration);
    }

    private long RankBytes(bool bf16, int ranks, bool onCpu) =>
        _model.StateBytes(config.Optimizer.Name, bf16) - (config.ShardOptimizer ? _model.MomentBytes(config.Optimizer.Name) * (ranks - 1) / ranks : 0)
        + _model.ActivationBytes(config.MicroBatchSize, bf16, config.ActivationCheckpointing, onCpu);

    private static string Gb(long bytes) => bytes >= 1e8 ? $"{bytes / 1e9:N1} GB" : $"{bytes / 1e6:N1} MB";
}
