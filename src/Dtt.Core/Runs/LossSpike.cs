using System.Globalization;

namespace Dtt.Core.Runs;

/// <summary>A step whose loss is far above those before it, or no number.</summary>
/// <param name="Step">The step.</param>
/// <param name="Loss">Its loss, nats per token.</param>
/// <param name="Bound">The largest loss that would have been no spike, nats per token.</param>
public sealed record LossSpike(long Step, double Loss, double Bound)
{
    /// <summary><c>the loss 9.1234 is above 5.2000</c>.</summary>
    public string InWords => double.IsFinite(Loss) && Loss > Bound
        ? string.Create(CultureInfo.InvariantCulture, $"the loss {Loss:0.0000} is a spike, above {Bound:0.0000}")
        : string.Create(CultureInfo.InvariantCulture, $"the loss or the gradient is not finite (loss {Loss})");
}
