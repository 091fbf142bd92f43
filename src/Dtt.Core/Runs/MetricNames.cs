namespace Dtt.Core.Runs;

/// <summary>The names of the metrics.</summary>
public static class MetricNames
{
    /// <summary>Mean training loss of the step, nats per token.</summary>
    public const string TrainLoss = "train_loss";

    /// <summary>Validation loss after the step, nats per token.</summary>
    public const string ValLoss = "val_loss";

    /// <summary>Validation loss on the text of one dataset of a mixture, nats per token.</summary>
    public static string ValLossOf(string dataset) => $"{ValLoss}/{dataset}";

    /// <summary>Validation perplexity, e^loss.</summary>
    public const string ValPerplexity = "val_perplexity";

    /// <summary>Validation loss in bits per byte of text.</summary>
    public const string ValBitsPerByte = "val_bits_per_byte";

    /// <summary>Multiple-choice questions whose ending with the lowest mean loss is the right one, 0–1.</summary>
    public const string ChoiceAccuracy = "choice_accuracy";

    /// <summary>The same by the endings' summed loss.</summary>
    public const string ChoiceAccuracyBySum = "choice_accuracy_by_sum";

    /// <summary>Learning rate of the step.</summary>
    public const string LearningRate = "learning_rate";

    /// <summary>2-norm of the gradient before clipping.</summary>
    public const string GradNorm = "grad_norm";

    /// <summary>Duration of the step, seconds; evaluation and saving excluded.</summary>
    public const string StepSeconds = "step_seconds";

    /// <summary>
    /// How long the checkpoint after the step stalled training, seconds: copying the state to host memory; for the last checkpoint, all of the save.
    /// </summary>
    public const string SaveStallSeconds = "save_stall_seconds";

    /// <summary><c>profile</c>: waiting for the step's windows, seconds.</summary>
    public const string DataSeconds = "data_seconds";

    /// <summary><c>profile</c>: embedding and blocks, forward, seconds.</summary>
    public const string ForwardSeconds = "forward_seconds";

    /// <summary><c>profile</c>: head, loss and their gradients, seconds.</summary>
    public const string HeadSeconds = "head_seconds";

    /// <summary><c>profile</c>: blocks and embedding, backward, seconds.</summary>
    public const string BackwardSeconds = "backward_seconds";

    /// <summary><c>profile</c>: summing gradients and losses over the ranks, seconds.</summary>
    public const string AllReduceSeconds = "all_reduce_seconds";

    /// <summary><c>profile</c>: clipping and update, seconds; with a shared state, also the exchange of weights.</summary>
    public const string OptimizerSeconds = "optimizer_seconds";

    /// <summary>Training tokens per second in the step.</summary>
    public const string TokensPerSecond = "tokens_per_second";

    /// <summary>Memory in use after the step, bytes: of rank 0's GPU, or resident in rank 0's process.</summary>
    public const string MemoryBytes = "memory_bytes";

    /// <summary>Model FLOPs utilization, 0–1 of the device's peak; absent when the peak is unknown.</summary>
    public const string Mfu = "mfu";
}
